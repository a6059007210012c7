"""A folder in which the whole workflow can run with the study `smoke`, and calls inside it."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from ruamel.yaml import YAML

from moaplus.data.fetch import fetch
from moaplus.data.select import select
from moaplus.mixture.architectures.cae import is_compiled
from moaplus.plan.datasets import DATASETS, raw_files
from moaplus.plan.runs import Run
from moaplus.runs.evaluation import evaluate
from moaplus.runs.scoring import score
from moaplus.runs.training import train

ROOT = Path(__file__).parents[1]
RUNS = "models/mnist-0+1-n400/cae-epochs=1"  # of the study `smoke`


def fetch_mnist() -> Path:
    """Return the checkout's data/raw, with verified MNIST in it."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        fetch(DATASETS["mnist"], raw_files("mnist"))
    finally:
        os.chdir(before)
    return ROOT / "data" / "raw"


def make_workspace(folder: Path, raw: Path | None) -> Path:
    """Make a copy of the workflow in `folder` with the study `smoke`, no multiverse, no search."""
    folder.mkdir(parents=True, exist_ok=True)
    is_compiled()  # so that numba's cache is copied, too
    for name in ("workflow", "profiles", "src"):
        left = shutil.ignore_patterns("*.pyc", "*.egg-info")
        shutil.copytree(ROOT / name, folder / name, ignore=left)
    for name in ("Snakefile", "dvc.yaml", "environment.yml", "params.yaml"):
        shutil.copy(ROOT / name, folder / name)
    change_params(folder, _smoke)
    records = folder / "results" / "records"
    records.mkdir(parents=True)
    (records / ".gitkeep").touch()  # DVC misses a folder that a clone leaves out
    if raw is not None:
        (folder / "data").mkdir()
        (folder / "data" / "raw").symlink_to(raw)
    return folder


def _smoke(params: dict) -> None:
    # A rule for each protocol, and for each batch of a long study: a second in each Snakemake.
    del params["multiverse"], params["search"]
    short = {"smoke", "smoke_scores", *params["default"]}
    params["studies"] = {
        name: params["studies"][name] for name in params["studies"] if name in short
    }
    params["default"] = ["smoke"]


def read_yaml(path: Path) -> dict:
    """Return what a YAML file holds."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def write_yaml(path: Path, values: object) -> None:
    """Write a YAML file."""
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)


def change_params(folder: Path, change: Callable[[dict], object]) -> None:
    """Change params.yaml as a user would in an editor."""
    params = read_yaml(folder / "params.yaml")
    change(params)
    write_yaml(folder / "params.yaml", params)


def make_records(runs: Iterable[Run]) -> None:
    """Train and score runs of the present folder in this process.

    The workflow would start two for each, which takes longer than short trainings.
    """
    for run in runs:
        if not run.selection.images_path.exists():
            select(run.selection, raw_files(run.selection.dataset))
        train(run)
        evaluate(run)
        score(run)


def environment() -> dict[str, str]:
    """Return this process's environment, the tests' own tools first, Python as it is by default."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PATH": path}


def call(folder: Path, *command: str, ok: bool = True) -> str:
    """Run a command in `folder` with the tests' own tools; return all that it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == ok, done.stdout
    return done.stdout


def look(folder: Path, *options: str, ok: bool = True) -> str:
    """Return what a Snakemake that only looks prints, such as `snakemake -n`.

    The same as `call(folder, "snakemake", *options)` without the seconds in which Snakemake starts.
    """
    server = _dry_runs()
    print(json.dumps((str(folder), options)), file=server.stdin, flush=True)
    status, output = json.loads(server.stdout.readline())
    assert (status == 0) == ok, output
    return output


@functools.cache
def _dry_runs() -> subprocess.Popen:
    """Start `dry_runs.py`, which ends with this process."""
    program = Path(__file__).with_name("dry_runs.py")
    return subprocess.Popen(
        [sys.executable, str(program)],
        env=environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def jobs(output: str) -> Counter[str]:
    """Count the jobs of each rule that Snakemake says it starts, except rules of inputs alone."""
    names = re.findall(r"^(?:> )?(?:local)?rule (?!(?:all|data|models):)(\w+).*:$", output, re.M)
    return Counter(names)


def planned_jobs(folder: Path, *options: str) -> Counter[str]:
    """Count the jobs of each rule that `snakemake -n` would start."""
    return jobs(look(folder, "-n", *options))
