"""On what and by what results were made: `environment.json` in each folder of results."""

import csv
import hashlib
import importlib.metadata
import json
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy  # noqa: F401 (so that its BLAS is among the pools)
from threadpoolctl import threadpool_info

from moaplus.plan.results import RESULTS, Report
from moaplus.provenance.origin import processor
from moaplus.storage.files import UserError, quarantine, save_text

PACKAGES = (
    "torch", "numpy", "scipy", "scikit-learn", "pandas", "safetensors", "matplotlib", "seaborn",
    "snakemake", "dvc",
)  # fmt: skip
DAMAGED = (OSError, ValueError, LookupError, TypeError)  # what reading a record raises then


def write_environment(report: Report) -> None:
    """Record what made each result of a report, and its SHA-256.

    A result that an earlier record holds with the same SHA-256 stays with what made it then. An
    earlier record that is damaged is quarantined.

    Raises:
        UserError: if runs.csv is missing or damaged, or the file cannot be written.
    """
    path = report.environment
    trainings = _count_trainings(report.runs_table)
    try:
        before = _made(path)
    except FileNotFoundError:
        before = []
    except DAMAGED as error:
        print(quarantine(path, error), file=sys.stderr)
        before = []
    now = {result.as_posix(): sha256_of(result) for result in sorted(report.results)}
    made = _kept(before, now)
    made += [_present() | {"sha256": now}] if now else []
    save_text(path, json.dumps({"trainings": trainings, "results": made}, indent=2) + "\n")


def _count_trainings(runs_table: Path) -> dict[str, int]:
    """Return how many runs of a runs.csv were made on what."""
    try:
        with runs_table.open(encoding="utf-8", newline="") as file:
            made_on = {row["folder"]: row["made_on"] for row in csv.DictReader(file)}
    except (OSError, LookupError) as error:
        raise UserError(f"{runs_table}: cannot be read ({error}); run snakemake again") from error
    return dict(Counter(filter(None, made_on.values())))


def _kept(before: list[dict], now: dict[str, str]) -> list[dict]:
    """Return what of an earlier record still holds; its results are taken out of `now`."""
    present, kept = _present(), []
    for group in before:
        if {key: value for key, value in group.items() if key != "sha256"} != present:
            same = {name for name, sha256 in group["sha256"].items() if now.get(name) == sha256}
            kept.append(group | {"sha256": {name: now.pop(name) for name in sorted(same)}})
    return [group for group in kept if group["sha256"]]


def _present() -> dict:
    """Return commit, machine and versions of now."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "commit": _commit(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "threads": max(pool["num_threads"] for pool in pools),
        "blas": [f"{p['internal_api']} {p['version']} {p.get('architecture')}" for p in pools],
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def _made(record: Path) -> list[dict]:
    """Return what made which results, as a record has it.

    Raises:
        FileNotFoundError: if there is no record.
        one of `DAMAGED`: if it is damaged.
    """
    groups = json.loads(record.read_text(encoding="utf-8"))["results"]
    if not all(isinstance(group["sha256"], dict) for group in groups):
        raise ValueError("sha256 is no mapping")
    return groups


def recorded_results() -> Iterator[tuple[Path, dict[str, str] | str]]:
    """Yield each record of results with the SHA-256 of each result, or with why it is damaged."""
    for record in sorted(RESULTS.rglob("environment.json")):
        try:
            groups = _made(record)
        except FileNotFoundError:
            continue
        except DAMAGED as error:
            yield record, " ".join(str(error).split())
            continue
        yield record, {name: sha256 for group in groups for name, sha256 in group["sha256"].items()}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _commit() -> str:
    """Return the commit of the sources, with `-dirty` if anything but results differs from it."""
    try:
        commit = _git("rev-parse", "HEAD").strip()
        changes = _git("status", "--porcelain", "--", ".", ":!results", ":!dvc.lock")
    except (OSError, subprocess.CalledProcessError):
        return "unknown: no git repository"
    return commit + ("-dirty" if changes.strip() else "")


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True, timeout=60
    ).stdout
