"""Records on disk: whole, and of the settings that are wanted, or not.

A record is JSON: under `runs` an entry for each run, and the SHA-256 of all of them. It has one
run; those in git from before hold every objective of a protocol and seed, those of the search both
models. An entry has the run's
`settings`, the digest of the `sources` that trained it, and its scores and curves.
"""

import hashlib
import json
from pathlib import Path

from moaplus.plan.runs import Run
from moaplus.provenance.origin import settings_of
from moaplus.storage.files import UserError, save_text


def save_record(run: Run, entry: dict) -> None:
    """Write the record of a run.

    Raises:
        UserError: if it cannot be written.
    """
    save_entries(run.record, [entry], indent=1)


def save_entries(path: Path, entries: list[dict], indent: int | None = None) -> None:
    """Write a record of some runs, in a line or indented.

    Raises:
        UserError: if it cannot be written.
    """
    content = {"sha256": _digest(entries), "runs": entries}
    save_text(path, json.dumps(content, indent=indent) + "\n")


def read_entries(path: Path) -> list[dict]:
    """Read the entries of a record.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: if it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = content["runs"]
        if content["sha256"] != _digest(entries):
            raise ValueError("its content is not what was written")
        if not all(isinstance(entry["settings"], dict) for entry in entries):
            raise ValueError("its settings are no mapping")
    except (LookupError, TypeError) as error:
        raise ValueError(f"no record: {error}") from error
    return entries


def load_entries(path: Path) -> list[dict]:
    """Load the entries of a record; none where there is no file.

    Raises:
        UserError: if it is damaged.
    """
    try:
        return read_entries(path)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it and run snakemake") from error


def record_paths(run: Run) -> tuple[Path, ...]:
    """Return where a run's record may be: its own first, then the one that it may share in git."""
    return (run.record,) if run.keep else (run.record, run.shared_record)


def load_record(run: Run) -> dict:
    """Load the entry of a run, whatever sources made it: it says which.

    Raises:
        UserError: if there is none of its settings, or a record is damaged.
    """
    settings = settings_of(run)
    for path in record_paths(run):
        for entry in load_entries(path):
            if entry["settings"] == settings:
                return entry
    raise UserError(f"{run.record}: missing, or made with other settings; run snakemake to make it")


def _digest(entries: list[dict]) -> str:
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()
