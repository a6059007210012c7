"""runs.csv and the records, read back: rows of runs, why runs failed, curves of a training."""

import functools
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from moaplus.plan.records import records_of
from moaplus.plan.references import REFERENCE_METHODS
from moaplus.plan.results import RESULTS
from moaplus.plan.runs import PARAMS, Run
from moaplus.plan.studies import Plan, Study, load
from moaplus.provenance.recorded import is_recorded
from moaplus.report import recording
from moaplus.report.rows import read_history
from moaplus.report.titles import setting_values
from moaplus.storage.frames import load_frame

__all__ = ["read_history"]
WORDS = ("architecture", "variant", "channels", "gate", "schedule", "views", "configuration")


def read_runs(path: Path) -> pd.DataFrame:
    """Read a runs.csv, without the rows of failed runs.

    Raises:
        UserError: if it is missing or damaged.
    """
    frame = load_frame(path, f"run `moaplus score {path.parent}`")
    if "failed" in frame:
        frame = frame[frame["failed"].isna()].drop(columns="failed")
    params = next(
        (folder / PARAMS for folder in path.absolute().parents if (folder / PARAMS).exists()),
        PARAMS,
    )
    return _with_settings(frame, _plan(params).all_runs)


def failed_runs(path: Path) -> dict[str, str]:
    """Return why each run of a runs.csv failed, by its folder."""
    frame = load_frame(path, f"run `moaplus score {path.parent}`")
    if "failed" not in frame:
        return {}
    failed = frame[frame["failed"].notna()]
    return dict(zip(failed["folder"], failed["failed"], strict=True))


def trained_runs(plan: Plan) -> list[Run]:
    """Return the default runs, in the plan's order, without those whose training failed.

    Raises:
        UserError: if runs.csv is missing or damaged.
    """
    failed = failed_runs(RESULTS / "runs.csv")
    return [run for folder, run in plan.default_runs.items() if folder not in failed]


def recorded_runs(runs: Iterable[Run]) -> pd.DataFrame | None:
    """Return rows of runs.csv of some runs, if the records of all are there and of their settings.

    Raises:
        UserError: if a record changes meanwhile.
    """
    runs = list(runs)
    records = records_of(runs)
    if not records or not all(map(is_recorded, records)):
        return None
    rows = [row for record in records for row in recording.record_rows(record)]
    return _with_settings(pd.DataFrame(rows), {str(run.folder): run for run in runs})


def recorded_studies(plan: Plan, *names: str) -> list[tuple[Study, pd.DataFrame]]:
    """Return studies with their rows: those that `plan` has and whose records are there.

    Raises:
        UserError: if a record changes meanwhile.
    """
    studies = [plan.studies[name] for name in names if name in plan.studies]
    rows = [recorded_runs(study.runs) for study in studies]
    return [(study, runs) for study, runs in zip(studies, rows, strict=True) if runs is not None]


def record_curves(run: Run) -> pd.DataFrame:
    """Return columns of a run's history from its record, one row per epoch."""
    return recording.record_curves(records_of([run])[0])[run.objective]


@functools.cache
def _plan(path: Path) -> Plan:
    return load(path)


def _with_settings(frame: pd.DataFrame, runs: dict[str, Run]) -> pd.DataFrame:
    added = []
    for row in frame.to_dict("records"):
        if row["method"] in REFERENCE_METHODS:
            folder = f"{row['selection']}/references/{row['method']}/M{row['experts']}"
            added.append({"configuration": folder})
        else:
            run = runs[row["folder"]]
            added.append(
                setting_values(run.network, run.training)
                | {"configuration": run.configuration.as_posix()}
            )
    extra = pd.DataFrame(added, index=frame.index)
    frame = pd.concat([frame, extra[[c for c in extra if c not in frame]]], axis=1)
    return frame.astype(dict.fromkeys(WORDS, "str")).fillna(dict.fromkeys(WORDS, ""))
