"""Records on disk: whole, and of the settings that are wanted, or not."""

import hashlib
import json

from moaplus.plan.records import Record
from moaplus.provenance.origin import origin_of
from moaplus.storage.files import UserError, quarantine, save_text


def save_record(record: Record, entries: list[dict]) -> None:
    """Write an entry for each run, and the SHA-256 of all of them.

    Raises:
        UserError: if the file cannot be written.
    """
    content = {"sha256": _digest(entries), "runs": entries}
    save_text(record.path, json.dumps(content, indent=1) + "\n")


def load_record(record: Record) -> list[dict]:
    """The entries of a record's runs; the file may hold those of other objectives too.

    Raises:
        UserError: if it is missing; damaged, then it is put aside; or of other settings.
    """
    try:
        content = json.loads(record.path.read_text(encoding="utf-8"))
        entries = content["runs"]
        if content["sha256"] != _digest(entries):
            raise ValueError("its content is not what was written")
        made = [entry["settings"] for entry in entries]
    except FileNotFoundError as error:
        raise UserError(f"{record.path}: missing; run snakemake to make it") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise quarantine(record.path, error) from error
    wanted = [origin_of(run)["settings"] for run in record.runs]
    if not all(settings in made for settings in wanted):
        raise UserError(f"{record.path}: made with other settings; delete it and run snakemake")
    return [entries[made.index(settings)] for settings in wanted]


def is_recorded(record: Record) -> bool:
    """Whether the record is there, whole, and of the present settings.

    One that other sources made stays: it says by which.
    """
    try:
        load_record(record)
    except UserError:
        return False
    return True


def _digest(entries: list[dict]) -> str:
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()
