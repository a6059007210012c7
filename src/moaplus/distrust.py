"""Files that are not what they should be, found before Snakemake looks at names and times.

Snakemake trusts a file that is there and newer than its inputs. That is not enough after a power
loss, a hand that cut a file, `dvc pull`, `dvc exp` in a new folder, or a clock that was set back.
"""

import hashlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from moaplus import plan as paths
from moaplus.datasets import MD5, md5_of
from moaplus.environment import changed_results
from moaplus.files import UserError, load_arrays, put_aside
from moaplus.models import foreign
from moaplus.plan import Plan, Run
from moaplus.tensors import load_tensors

LOCKS = Path(".snakemake/locks")
DECADES = 40 * 365 * 86400 * 10**9  # ns; no model is of 2009 or older


def distrust(plan: Plan) -> list[str]:
    """See to it that Snakemake makes anew what cannot be trusted; return a line on each file.

    Every file is read and held against the hash or checksum that was recorded when it was made; a
    damaged one is put aside. A model that other settings or sources made is dated back, so that it
    is older than its inputs, until they are wanted again: Snakemake's own records may be of another
    file. Times in the future are brought to the present, in their order. Nothing is touched while
    another Snakemake works here.

    Raises:
        UserError: if a folder that the workflow writes to is read-only.
    """
    if any(LOCKS.glob("*")):
        return []
    _check_writable()
    lines = [str(put_aside(path, reason)) for path, reason in _damaged(plan)]
    lines += _damaged_arrays(plan)
    lines += [line for run in plan.known_runs.values() for line in _distrust_run(run)]
    return lines + _bring_to_present(_files())


def _check_writable() -> None:
    for place in (paths.SELECTED, paths.MODELS, paths.RESULTS):
        for folder in (place, *place.rglob("*/")):
            if folder.exists() and not os.access(folder, os.W_OK):
                raise UserError(f"{folder}: read-only; make it writable, then run again")


def _damaged(plan: Plan) -> Iterator[tuple[Path, str]]:
    for path, md5 in zip(paths.raw_files(plan.dataset), MD5[plan.dataset], strict=True):
        if path.exists() and md5_of(path) != md5:
            yield path, "wrong or truncated"
    yield from changed_results()


def _damaged_arrays(plan: Plan) -> Iterator[str]:
    arrays = [path for s in plan.selections.values() for path in (s.images_path, s.labels_path)]
    arrays += [
        path for run in plan.known_runs.values() for path in (run.concentrations, run.samples)
    ]
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
        return [str(put_aside(run.model, error))]
    _date_back(run.model, back=foreign(run, origin) is not None)
    if run.history.exists():
        digest = hashlib.sha256(run.history.read_bytes()).hexdigest()
        if digest != origin.get("history"):
            return [str(put_aside(run.history, "not what its training wrote"))]
    return []


def _date_back(path: Path, back: bool) -> None:
    """Take `DECADES` from a file's time, or give them back; not twice."""
    mtime = path.stat().st_mtime_ns
    if back != (mtime < DECADES):
        mtime += -DECADES if back else DECADES
        os.utime(path, ns=(mtime, mtime))


def _files() -> Iterator[Path]:
    yield paths.PARAMS
    for root, pattern in (("src", "*.py"), ("data", "*"), ("models", "*"), ("results", "*")):
        yield from Path(root).rglob(pattern)


def _bring_to_present(files: Iterable[Path]) -> list[str]:
    now = time.time_ns()
    ahead = sorted(
        (path.stat().st_mtime_ns, path) for path in files if path.is_file()
        and path.stat().st_mtime_ns > now
    )  # fmt: skip
    times = {mtime: now - len(ahead) + rank for rank, (mtime, _) in enumerate(ahead)}
    for mtime, path in ahead:
        os.utime(path, ns=(times[mtime], times[mtime]))
    if not ahead:
        return []
    return [f"{ahead[0][1]} and {len(ahead) - 1} more: their times lay in the future; set to now"]
