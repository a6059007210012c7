"""Real MNIST, and a folder in which the whole workflow can run with the study `smoke`."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from moaplus import fetch, plan

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def mnist() -> Path:
    """data/raw with verified MNIST in it."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        fetch.fetch("mnist")
    finally:
        os.chdir(before)
    return ROOT / "data" / "raw"


def make_workspace(folder: Path, raw: Path | None) -> Path:
    """A copy of the workflow in `folder`, its default study `smoke`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("workflow", "profiles", "src"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("Snakefile", "dvc.yaml", "environment.yml"):
        shutil.copy(ROOT / name, folder / name)
    write_params(folder, default=["smoke"])
    if raw is not None:
        (folder / "data").mkdir()
        (folder / "data" / "raw").symlink_to(raw)
    return folder


class PlainDumper(yaml.SafeDumper):
    """Values that stand in two places are written twice, as params.yaml takes no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def write_params(folder: Path, **changes: object) -> None:
    """The project's params.yaml with some top-level keys changed."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    text = yaml.dump(params | changes, Dumper=PlainDumper)
    (folder / "params.yaml").write_text(text, encoding="utf-8")


def change_params(folder: Path, change: Callable[[dict], object]) -> None:
    """Change params.yaml as a user would in an editor."""
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(params)
    path.write_text(yaml.dump(params, Dumper=PlainDumper), encoding="utf-8")


@pytest.fixture
def workspace(tmp_path: Path, mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace beside real MNIST; the test runs inside it."""
    folder = make_workspace(tmp_path / "workspace", mnist)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def smoke_run(workspace: Path) -> plan.Run:
    """A run of the study `smoke` whose images are selected."""
    from moaplus.datasets import select

    run = plan.load().run("models/mnist-0+1-n400/cae-epochs=1/M2/moa_plus/seed0")
    select(run.selection)
    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory, mnist) -> Path:
    """A workspace in which the smoke study has run once."""
    folder = make_workspace(tmp_path_factory.mktemp("finished") / "workspace", mnist)
    call(folder, "snakemake", "--cores", "2", "--quiet")
    return folder


def environment() -> dict[str, str]:
    """This process's environment, the tests' own tools first, Python as it is by default."""
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


def jobs(output: str) -> Counter[str]:
    """The jobs of each rule that Snakemake says it starts, but for rules of inputs alone."""
    return Counter(
        re.findall(r"^(?:> )?(?:local)?rule (?!(?:all|data|models):)(\w+).*:$", output, re.M)
    )


def planned_jobs(folder: Path, *options: str) -> Counter[str]:
    """The jobs of each rule that `snakemake -n` would start."""
    return jobs(call(folder, "snakemake", "-n", *options))
