"""On what and by what results were made: `results/environment.json`."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from moaplus import plan as paths
from moaplus.files import save_text
from moaplus.models import read_header
from moaplus.plan import Run

PACKAGES = (
    "torch", "numpy", "scipy", "scikit-learn", "pandas", "safetensors", "matplotlib", "seaborn",
    "snakemake", "dvc",
)  # fmt: skip


def write_environment(path: Path, runs: Sequence[Run], results: Iterable[Path]) -> None:
    """Record what made `results`, and the SHA-256 of each.

    Raises:
        UserError: if a model is missing or damaged, or the file cannot be written.
    """
    trained: dict[str, int] = {}
    for run in runs:
        made_on = read_header(run).made_on
        trained[made_on] = trained.get(made_on, 0) + 1
    record = {
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "trainings": trained,
        "results": {result.as_posix(): _sha256(result) for result in sorted(results)},
    }
    save_text(path, json.dumps(record, indent=2) + "\n")


def changed_results() -> list[tuple[Path, str]]:
    """Results that are not as their records say, and damaged records, each with what is wrong."""
    changed = []
    for record in [paths.ENVIRONMENT, *sorted(paths.STUDIES.glob("*.json"))]:
        try:
            results = json.loads(record.read_text(encoding="utf-8"))["results"].items()
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, AttributeError) as error:
            changed.append((record, str(error)))
            continue
        changed += [
            (Path(name), f"not what {record} recorded")
            for name, sha256 in results
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
