"""Records: what is kept of runs whose models are not."""

import json
import shutil
from collections.abc import Callable, Iterable

import pandas as pd

from moaplus.plan.records import Record, records_of
from moaplus.plan.runs import Run
from moaplus.plan.studies import Plan, Study
from moaplus.provenance.origin import origin_of
from moaplus.provenance.recorded import is_recorded, load_record, save_record
from moaplus.report.rows import read_history, run_rows, with_words

CURVES = ("objective", "mixture_error", "routed_error")  # of history.csv, and the loads


def record_all(records: Iterable[Record], train: Callable[[Iterable[Run]], object]) -> None:
    """Train and evaluate the runs of records that are not there yet, and keep their scores.

    What training leaves is removed when all records are there: where Snakemake throws away the
    records of a job that was interrupted, they are there again in no time.

    Args:
        records: what to make.
        train: trains and evaluates runs; one that diverges leaves its run's `failed.json`.

    Raises:
        UserError: as `train` does; if a file is missing or damaged, or a record cannot be written.
    """
    missing = [record for record in records if not is_recorded(record)]
    for record in missing:
        train(record.runs)
        write_record(record)
    for record in missing:
        for run in record.runs:
            shutil.rmtree(run.folder, ignore_errors=True)


def write_record(record: Record) -> None:
    """Write scores and curves of trained and evaluated runs.

    The record is JSON. Under `runs` stand each run's `settings`, the digest of the `sources` that
    trained it, its `rows` of runs.csv and its `curves`, by column of history.csv; or why it
    `failed`, where its training left the finite numbers.

    Raises:
        UserError: if a file of a run is missing or damaged, or the record cannot be written.
    """
    save_record(record, [_entry(run) for run in record.runs])


def recorded_runs(runs: Iterable[Run]) -> pd.DataFrame | None:
    """Rows of runs.csv of some runs, if the records of all are there, whole and of their settings.

    Raises:
        UserError: if a record changes meanwhile.
    """
    records = records_of(runs)
    if not records or not all(map(is_recorded, records)):
        return None
    return with_words(pd.DataFrame([row for record in records for row in record_rows(record)]))


def recorded_studies(plan: Plan, *names: str) -> list[tuple[Study, pd.DataFrame]]:
    """Studies with their rows of runs.csv: those that `plan` has and whose records are there.

    Raises:
        UserError: if a record changes meanwhile.
    """
    studies = [plan.studies[name] for name in names if name in plan.studies]
    rows = [recorded_runs(study.runs) for study in studies]
    return [(study, runs) for study, runs in zip(studies, rows, strict=True) if runs is not None]


def record_rows(record: Record) -> list[dict]:
    """Rows of runs.csv; a run whose training failed has none."""
    return [row for entry in load_record(record) for row in entry.get("rows", ())]


def record_curves(record: Record) -> dict[str, pd.DataFrame]:
    """Columns of each run's history by its objective: one row per epoch."""
    entries = load_record(record)
    return {
        entry["settings"]["objective"]: pd.DataFrame(entry["curves"])
        for entry in entries
        if "curves" in entry
    }


def _entry(run: Run) -> dict:
    origin = origin_of(run)
    if run.failure.exists():
        return origin | {"failed": json.loads(run.failure.read_text(encoding="utf-8"))["reason"]}
    history = read_history(run)
    columns = [c for c in history if c in CURVES or c.startswith("load_")]
    rows = [{key: _plain(value) for key, value in row.items()} for row in run_rows(run)]
    return origin | {"rows": rows, "curves": history[columns].to_dict("list")}


def _plain(value: object) -> object:
    """A value as JSON has it; numbers with nine digits, as in runs.csv."""
    value = value.item() if hasattr(value, "item") else value
    return float(f"{value:.9g}") if isinstance(value, float) else value
