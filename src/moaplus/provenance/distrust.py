"""Files that are not what they should be, found before Snakemake looks at names and times.

Snakemake trusts a file that is there and newer than its inputs. That is not enough after a power
loss, a hand that cut a file, `dvc pull`, or `dvc exp` in a new folder.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from moaplus.data.select import md5_of
from moaplus.plan.datasets import raw_files
from moaplus.plan.records import Record
from moaplus.plan.results import RESULTS
from moaplus.plan.runs import MODELS, SELECTED, Run
from moaplus.plan.studies import Plan
from moaplus.provenance.environment import changed_results
from moaplus.provenance.origin import foreign, history_digest
from moaplus.provenance.recorded import is_recorded
from moaplus.storage.arrays import load_arrays
from moaplus.storage.files import UserError, quarantine
from moaplus.storage.tensors import load_tensors

LOCKS = Path(".snakemake/locks")
DECADES = 40 * 365 * 86400 * 10**9  # ns; no model is of 2009 or older


def distrust(plan: Plan) -> list[str]:
    """See to it that Snakemake makes again what cannot be trusted; return a line on each file.

    Every file is read and held against the hash or checksum that was recorded when it was made; a
    damaged one is put aside. A model that other settings or sources made is dated back, so that it
    is older than its inputs, until they are wanted again: Snakemake's own records may be of another
    file. Nothing is touched while another Snakemake works here.

    Raises:
        UserError: if a folder that the workflow writes to is read-only.
    """
    if any(LOCKS.glob("*")):
        return []
    _check_writable()
    lines = [str(quarantine(path, reason)) for path, reason in _damaged(plan)]
    lines += _damaged_arrays(plan)
    lines += [line for record in plan.records.values() for line in _distrust_record(record)]
    return lines + [line for run in plan.all_runs.values() for line in _distrust_run(run)]


def _check_writable() -> None:
    for place in (SELECTED, MODELS, RESULTS):
        for folder in (place, *place.rglob("*/")):
            if folder.exists() and not os.access(folder, os.W_OK):
                raise UserError(f"{folder}: read-only; make it writable, then run again")


def _damaged(plan: Plan) -> Iterator[tuple[Path, str]]:
    for dataset in sorted({selection.dataset for selection in plan.selections.values()}):
        for path, md5 in raw_files(dataset).items():
            if path.exists() and md5_of(path) != md5:
                yield path, "wrong or truncated"
    yield from changed_results()


def _damaged_arrays(plan: Plan) -> Iterator[str]:
    arrays = [path for s in plan.selections.values() for path in (s.images_path, s.labels_path)]
    arrays += [path for run in plan.all_runs.values() for path in (run.concentrations, run.samples)]
    for path in (*arrays, *map(Path, plan.references)):
        if path.exists():
            try:
                load_arrays(path)
            except UserError as error:
                yield str(error)


def _distrust_run(run: Run) -> list[str]:
    """Put aside a damaged model or history; date a model of something else back."""
    try:
        _, origin = load_tensors(run.model)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        return [str(quarantine(run.model, error))]
    _date_back(run.model, back=foreign(run, origin) is not None)
    if run.history.exists() and history_digest(run.history.read_bytes()) != origin.get("history"):
        return [str(quarantine(run.history, "not what its training wrote"))]
    return []


def _distrust_record(record: Record) -> list[str]:
    """Put aside a damaged record; date one of other settings back."""
    if not record.path.exists():
        return []
    recorded = is_recorded(record)
    if not record.path.exists():
        return [f"{record.path}: damaged; put aside as {record.path.name}.aside: run again"]
    _date_back(record.path, back=not recorded)
    return []


def _date_back(path: Path, back: bool) -> None:
    """Take `DECADES` from a file's time, or give them back; not twice."""
    mtime = path.stat().st_mtime_ns
    if back != (mtime < DECADES):
        mtime += -DECADES if back else DECADES
        os.utime(path, ns=(mtime, mtime))
