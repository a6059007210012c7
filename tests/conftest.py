"""Real MNIST, and workspaces in which the workflow can run or has run."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from workspace import RUNS, call, fetch_mnist, make_workspace

from moaplus.data.select import select
from moaplus.plan.datasets import raw_files
from moaplus.plan.runs import Run
from moaplus.plan.studies import load

VIEWS = ("affine", "elastic", "thickness")

# No example is refused for its time.
settings.register_profile("short", deadline=None)
settings.register_profile("all", deadline=None, max_examples=300)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the long tests too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: run by `make test-all`, which calls pytest --all")
    settings.load_profile("all" if config.getoption("--all") else "short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--all"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="long: pytest --all runs it"))


@pytest.fixture(scope="session")
def mnist() -> Path:
    """data/raw with verified MNIST in it."""
    return fetch_mnist()


@pytest.fixture
def done(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished workspace, times and Snakemake's records included."""
    return shutil.copytree(finished, tmp_path / "workspace", symlinks=True)


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
        training=smoke_run.training.model_copy(update={"views": VIEWS}),
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
