"""Real MNIST, and workspaces in which the workflow can run or has run."""

import dataclasses
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from workspace import RUNS, call, fetch_mnist, make_workspace

from moaplus.data.select import select
from moaplus.plan.datasets import raw_files
from moaplus.plan.runs import Run
from moaplus.plan.studies import load

settings.register_profile("any machine", deadline=None)  # no example is refused for its time
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def mnist() -> Path:
    """data/raw with verified MNIST in it."""
    return fetch_mnist()


@pytest.fixture
def workspace(tmp_path: Path, mnist: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace beside real MNIST; the test runs inside it."""
    folder = make_workspace(tmp_path / "workspace", mnist)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def smoke_run(workspace: Path) -> Run:
    """A run of the study `smoke` whose images are selected."""
    run = load().run(f"{RUNS}/M2/moa_plus/seed0")
    select(run.selection, raw_files("mnist"))
    return run


@pytest.fixture
def two_views_run(smoke_run) -> Run:
    """The same run, but its gate is deep and sees two views of each image."""
    return dataclasses.replace(
        smoke_run,
        objective="moa_plus_views",
        network=smoke_run.network.model_copy(update={"gate": "deep"}),
        training=smoke_run.training.model_copy(
            update={"views": ("affine", "elastic", "thickness")}
        ),
    )


@pytest.fixture(scope="session")
def finished(tmp_path_factory, mnist, worker_id) -> Path:
    """A workspace in which the smoke study has run once, by the first of pytest's processes."""
    place = tmp_path_factory.getbasetemp()
    folder = (place if worker_id == "master" else place.parent) / "finished"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            make_workspace(folder / "workspace", mnist)
            said = call(folder / "workspace", "snakemake", "--cores", "2", "--logger", "moaplus")
            (folder / "said").write_text(said, encoding="utf-8")
            (folder / "done").touch()
    return folder / "workspace"
