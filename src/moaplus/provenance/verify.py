"""Files that are not what they should be, found before Snakemake looks at names and times.

Snakemake trusts a file that is there and newer than its inputs. That is not enough after a power
loss, a hand that cut a file, `dvc pull`, or `dvc exp` in a new folder. Files are only read here.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from moaplus.data.select import md5_of
from moaplus.plan.datasets import raw_files
from moaplus.plan.results import RESULTS
from moaplus.plan.runs import MODELS, SELECTED, Run
from moaplus.plan.studies import Plan
from moaplus.provenance.environment import recorded_results, sha256_of
from moaplus.provenance.origin import origin_of, settings_of
from moaplus.provenance.records import read_entries, record_paths
from moaplus.storage.arrays import check_arrays
from moaplus.storage.files import UserError, save_text
from moaplus.storage.tensors import load_tensors

CACHE = Path(".snakemake/moaplus-files.json")
DAMAGED, STALE, MISSING = "damaged", "stale", "missing"


@dataclass(frozen=True)
class Fault:
    """A file that is to be made again.

    Attributes:
        path: of the file.
        kind: `damaged`; `stale`: made by other settings or sources; or `missing` beside a record.
        reason: in a few words.
    """

    path: Path
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.kind} ({self.reason})"


class FileFacts:
    """What reading a file showed, kept while its size, times and inode stay, as git's index does.

    A fact is a value that JSON can hold.
    """

    def __init__(self, cache: Path = CACHE):
        self.cache, self.used = cache, {}
        try:
            self.known = dict(json.loads(cache.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            self.known = {}

    def of(self, path: Path, read: Callable[[Path], object]) -> object:
        """Return the fact about a file; None if there is no file.

        Args:
            path: of the file.
            read: makes the fact, from the file's content alone.
        """
        try:
            stat = path.stat()
        except OSError:
            return None
        state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        name = str(path)
        known = self.known.get(name)
        if known is None or known[0] != state:
            known = [state, read(path)]
        self.used[name] = known
        return known[1]

    def save(self) -> None:
        """Keep the facts for the next time, where that can be written."""
        if self.used != self.known:
            with suppress(UserError):
                save_text(self.cache, json.dumps(self.used))


def check_writable() -> None:
    """See that the folders that the workflow writes to can be written.

    Raises:
        UserError: if one is read-only.
    """
    for folder in (SELECTED, MODELS, RESULTS):
        if folder.exists() and not os.access(folder, os.W_OK):
            raise UserError(f"{folder}: read-only; make it writable, then run again")


def find_faults(plan: Plan, facts: FileFacts) -> list[Fault]:
    """Return the files of a plan that are damaged or stale, or missing from the folder of a run."""
    faults = [*_of_data(plan, facts), *_of_results(facts)]
    for run in plan.all_runs.values():
        faults += [*_of_model(run, facts), *_of_evaluation(run, facts), *_of_record(run, facts)]
    return faults


def find_record(run: Run, facts: FileFacts) -> Path | None:
    """Return where the record of a run is, if there is one of its settings.

    One that other sources made counts: it says by which.
    """
    settings = _digest(settings_of(run))
    for path in record_paths(run):
        found = facts.of(path, _record_facts)
        if isinstance(found, list) and settings in found:
            return path
    return None


def _of_data(plan: Plan, facts: FileFacts) -> Iterator[Fault]:
    for dataset in sorted({selection.dataset for selection in plan.selections.values()}):
        for path, md5 in raw_files(dataset).items():
            if facts.of(path, md5_of) not in (None, md5):
                yield Fault(path, DAMAGED, "wrong or truncated")
    paths = [path for s in plan.selections.values() for path in (s.images_path, s.labels_path)]
    for path in (*paths, *map(Path, plan.references)):
        yield from _of_arrays(path, facts)


def _of_results(facts: FileFacts) -> Iterator[Fault]:
    for record, recorded in recorded_results():
        if isinstance(recorded, str):
            yield Fault(record, DAMAGED, recorded)
            continue
        for name, sha256 in recorded.items():
            if facts.of(Path(name), sha256_of) not in (None, sha256):
                reason = f"not what {record} recorded, or of a run that was interrupted"
                yield Fault(Path(name), DAMAGED, reason)


def _of_model(run: Run, facts: FileFacts) -> Iterator[Fault]:
    found = facts.of(run.model, _model_facts)
    if found is None:
        return
    if "damaged" in found:
        yield Fault(run.model, DAMAGED, found["damaged"])
        return
    wanted = origin_of(run)
    for key in ("settings", "sources"):
        if found[key] != _digest(wanted[key]):
            yield Fault(run.model, STALE, f"made by other {key}")
            return
    if facts.of(run.history, sha256_of) not in (None, found["history"]):
        yield Fault(run.history, DAMAGED, "not what its training wrote")


def _of_evaluation(run: Run, facts: FileFacts) -> Iterator[Fault]:
    for path in (run.concentrations, run.samples):
        yield from _of_arrays(path, facts)
    if run.keep and run.record.exists():
        for path in run.files:
            if not path.exists():
                yield Fault(path, MISSING, f"{run.record.name} is there")


def _of_record(run: Run, facts: FileFacts) -> Iterator[Fault]:
    recorded = find_record(run, facts)
    for path in record_paths(run):
        found = facts.of(path, _record_facts)
        if isinstance(found, str):
            yield Fault(path, DAMAGED, found)
        elif found is not None and path == run.record and recorded is None:
            yield Fault(path, STALE, "made by other settings")


def _of_arrays(path: Path, facts: FileFacts) -> Iterator[Fault]:
    if reason := facts.of(path, check_arrays):
        yield Fault(path, DAMAGED, reason)


def _model_facts(path: Path) -> dict[str, str]:
    try:
        _, origin = load_tensors(path)
    except (OSError, ValueError) as error:
        return {"damaged": " ".join(str(error).split())}
    facts = {key: _digest(origin.get(key)) for key in ("settings", "sources")}
    return facts | {"history": str(origin.get("history"))}


def _record_facts(path: Path) -> list[str] | str:
    """Return digests of the settings in a record; or why it is damaged."""
    try:
        return [_digest(entry["settings"]) for entry in read_entries(path)]
    except (OSError, ValueError) as error:
        return " ".join(str(error).split())


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
