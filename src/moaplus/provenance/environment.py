"""On what and by what results were made: `environment.json` in each folder of results."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

from threadpoolctl import threadpool_info

from moaplus.plan.results import RESULTS, STUDIES, Report
from moaplus.provenance.machine import processor
from moaplus.storage.files import quarantine, save_text
from moaplus.storage.frames import load_frame

PACKAGES = (
    "torch", "numpy", "scipy", "scikit-learn", "pandas", "safetensors", "matplotlib", "seaborn",
    "snakemake", "dvc",
)  # fmt: skip
DAMAGED = (OSError, ValueError, LookupError, TypeError)  # what reading a record raises then


def write_environment(report: Report) -> None:
    """Record what made each result of a report, and its SHA-256.

    A result that an earlier record holds with the same SHA-256 stays with what made it then.

    Raises:
        UserError: if runs.csv or the earlier record is missing or damaged, or the file cannot be
            written.
    """
    path = report.environment
    runs = load_frame(report.runs_table, "run snakemake to make it")
    trained = runs.drop_duplicates("folder")["made_on"].value_counts(sort=False)
    try:
        before = _made(path)
    except FileNotFoundError:
        before = []
    except DAMAGED as error:
        raise quarantine(path, error) from error
    now = {result.as_posix(): _sha256(result) for result in sorted(report.results)}
    made = _kept(before, now)
    made += [_present() | {"sha256": now}] if now else []
    save_text(path, json.dumps({"trainings": trained.to_dict(), "results": made}, indent=2) + "\n")


def _kept(before: list[dict], now: dict[str, str]) -> list[dict]:
    """What of an earlier record still holds; its results are taken out of `now`."""
    present, kept = _present(), []
    for group in before:
        if {key: value for key, value in group.items() if key != "sha256"} != present:
            same = {name for name, sha256 in group["sha256"].items() if now.get(name) == sha256}
            kept.append(group | {"sha256": {name: now.pop(name) for name in sorted(same)}})
    return [group for group in kept if group["sha256"]]


def _present() -> dict:
    """Commit, machine and versions of now."""
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
    """What made which results, as a record has it.

    Raises:
        FileNotFoundError: if there is no record.
        one of `DAMAGED`: if it is damaged.
    """
    groups = json.loads(record.read_text(encoding="utf-8"))["results"]
    if not all(isinstance(group["sha256"], dict) for group in groups):
        raise ValueError("sha256 is no mapping")
    return groups


def changed_results() -> list[tuple[Path, str]]:
    """Results that are not as their records say, and damaged records, each with what is wrong.

    A run that was interrupted between a result and its record leaves a result of this kind too.
    """
    changed = []
    for record in [RESULTS / "environment.json", *sorted(STUDIES.glob("*/environment.json"))]:
        try:
            groups = _made(record)
        except FileNotFoundError:
            continue
        except DAMAGED as error:
            changed.append((record, str(error)))
            continue
        changed += [
            (Path(name), f"not what {record} recorded, or of a run that was interrupted")
            for group in groups
            for name, sha256 in group["sha256"].items()
            if Path(name).exists() and _sha256(Path(name)) != sha256
        ]
    return changed


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _commit() -> str:
    """The commit of the sources, with `-dirty` if anything but results differs from it."""
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
