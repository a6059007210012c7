"""Trainings that left the finite numbers: why, and how to go on without them."""

import json
from dataclasses import replace

from moaplus.plan.runs import Run
from moaplus.plan.studies import Plan, Study
from moaplus.provenance.origin import is_trained, origin_of


def failure(run: Run) -> str | None:
    """Why this very training failed, if it did; a model of something else may lie there still."""
    try:
        record = json.loads(run.failure.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or is_trained(run):
        return None
    reason = record.pop("reason", None)
    return reason if record == origin_of(run) else None


def without_failed(plan: Plan) -> Plan:
    """The plan less the runs whose training failed."""
    reasons = {folder: failure(run) for folder, run in plan.all_runs.items()}
    failed = {folder: reason for folder, reason in reasons.items() if reason}

    def left(study: Study) -> Study:
        return replace(
            study, runs=tuple(run for run in study.runs if str(run.folder) not in failed)
        )

    studies = {name: left(study) for name, study in plan.studies.items()}
    return replace(plan, studies=studies, failed=failed)
