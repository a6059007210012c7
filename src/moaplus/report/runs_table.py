"""runs.csv: the rows of all records and reference clusterings of a folder of results."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from moaplus.data.images import load_labels
from moaplus.plan.references import Reference
from moaplus.plan.results import RESULTS, Report
from moaplus.plan.runs import SPLITS, Run, Study
from moaplus.plan.settings import setting_values
from moaplus.plan.studies import Plan
from moaplus.provenance.records import load_record
from moaplus.runs.scoring import describe
from moaplus.storage.arrays import load_arrays
from moaplus.storage.files import UserError
from moaplus.storage.frames import load_frame, save_frame
from moaplus.theory.scores import clustering_scores

# Columns of text.
WORDS = ("architecture", "variant", "channels", "gate", "schedule", "views", "configuration")
Recorded = tuple[str, list[Run], pd.DataFrame]  # a study's name, its runs, and their rows
FAILED = "failed"  # why the training of a row's run diverged


def write_runs(report: Report) -> None:
    """Write one row for each run and split, then those of the reference clusterings.

    A run whose training diverged has one row, without scores.

    Raises:
        UserError: if a record or clustering is missing or damaged, or the table cannot be written.
    """
    rows = list(_rows(report.runs))
    rows += [row for reference in report.references for row in _reference_rows(reference)]
    last = [*_settings(report.runs[0]), "configuration", FAILED]
    table = pd.DataFrame(rows)
    first = [column for column in table if column not in last]
    save_frame(report.runs_table, table.reindex(columns=[*first, *last]))


def read_runs(path: Path) -> pd.DataFrame:
    """Read the rows of a runs.csv, except those of runs whose training diverged.

    Raises:
        UserError: if it is missing or damaged.
    """
    table = _read(path)
    return _with_words(table[table[FAILED].isna()].drop(columns=FAILED))


def failed_runs(path: Path) -> dict[str, str]:
    """Read the folders of runs whose training diverged from a runs.csv, each with the reason.

    Raises:
        UserError: if it is missing or damaged.
    """
    table = _read(path)
    failed = table[table[FAILED].notna()]
    return dict(zip(failed["folder"], failed[FAILED], strict=True))


def trained_runs(plan: Plan) -> list[Run]:
    """Return the default runs, in the plan's order, without those whose training diverged.

    Raises:
        UserError: if runs.csv is missing or damaged.
    """
    failed = failed_runs(RESULTS / "runs.csv")
    return [run for folder, run in plan.default_runs.items() if folder not in failed]


def recorded_runs(runs: Iterable[Run]) -> pd.DataFrame | None:
    """Return the rows of some runs; None unless the records of all are there, of their settings."""
    try:
        table = pd.DataFrame(list(_rows(runs)))
    except UserError:
        return None
    if table.empty:
        return None
    if FAILED in table:
        table = table[table[FAILED].isna()].drop(columns=FAILED)
    return _with_words(table)


def recorded_studies(plan: Plan, *names: str) -> list[tuple[Study, pd.DataFrame]]:
    """Return studies with their rows: those that the plan has and whose records are there."""
    studies = plan.named(*names)
    rows = [recorded_runs(study.runs) for study in studies]
    return [(study, runs) for study, runs in zip(studies, rows, strict=True) if runs is not None]


def everything_recorded(plan: Plan) -> list[Recorded]:
    """Return all that git or a default run has the records of.

    That is the default studies, those that keep scores alone, and the multiverse.
    """
    named = {study.name: study.runs for study in [*plan.named(*plan.default), *plan.scored]}
    named["multiverse"] = [run for protocol in plan.protocols for run in protocol.runs]
    found = ((name, list(runs), recorded_runs(runs)) for name, runs in named.items())
    return [(name, runs, rows) for name, runs, rows in found if rows is not None]


def load_curves(run: Run) -> pd.DataFrame:
    """Load the curves of a run from its record: a row for each epoch, none of one that diverged.

    Raises:
        UserError: if there is no such record, or it is damaged.
    """
    return pd.DataFrame(load_record(run).get("curves", {}))


def _rows(runs: Iterable[Run]) -> Iterator[dict]:
    for run in runs:
        entry = load_record(run)
        added = _settings(run) | {"configuration": run.configuration.as_posix()}
        if FAILED in entry:
            yield _failed_row(run, entry[FAILED]) | added
        for row in entry.get("rows", ()):
            yield row | added


def _failed_row(run: Run, reason: str) -> dict:
    names = describe(run.selection, run.experts, run.objective, run.seed, SPLITS[0])
    return names | {"folder": run.folder.as_posix(), FAILED: reason}


def _settings(run: Run) -> dict:
    """Return the settings of network and training that are in no column of a record's rows."""
    values = setting_values(run.network, run.training)
    return {key: values[key] for key in values if key not in ("architecture", "epochs")}


def _reference_rows(reference: Reference) -> Iterator[dict]:
    """Yield the scores of reference clusterings on each split; errors and loads do not apply."""
    labels, clusters = load_labels(reference.selection), load_arrays(reference.path)
    for M, seed in reference.wanted:
        added = {
            "folder": reference.path.parent.as_posix(),
            "configuration": reference.configuration(M),
        }
        named = functools.partial(describe, reference.selection, M, reference.method, seed)
        if f"M{M}-seed{seed}-failed" in clusters:
            yield named(SPLITS[0]) | added | {FAILED: str(clusters[f"M{M}-seed{seed}-failed"])}
            continue
        for split in SPLITS:
            scores = clustering_scores(labels[split], clusters[f"M{M}-seed{seed}-{split}"], M)
            yield named(split) | {"n": len(labels[split])} | scores | added


def _read(path: Path) -> pd.DataFrame:
    return load_frame(path, f"run `moaplus runs_table {path.parent}`")


def _with_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows with an empty word where a column of text says nothing."""
    words = [column for column in WORDS if column in table]
    return table.astype(dict.fromkeys(words, "str")).fillna(dict.fromkeys(words, ""))
