"""Exact versions stand in the lock alone, which all tools install from; make starts anywhere."""

import os
import re
import shutil
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from workspace import ROOT, read_yaml

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
BOUNDS = {  # which lock covers which direct dependencies
    "requirements.lock": PROJECT["build-system"]["requires"]
    + PROJECT["project"]["dependencies"]
    + EXTRAS["pipeline"]
    + EXTRAS["dev"],
    "optional.lock": EXTRAS["slurm"] + EXTRAS["umap"] + EXTRAS["peers"] + EXTRAS["parquet"],
}


def locked(name):
    """Return the requirements of a lock as {name: (Requirement, number of hashes)}."""
    text = re.sub(r"^ *#.*\n", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    blocks = [line.split("--hash=sha256:") for line in text.replace("\\\n", "").splitlines()]
    requirements = [(Requirement(block[0].strip()), len(block) - 1) for block in blocks]
    return {requirement.name: (requirement, hashes) for requirement, hashes in requirements}


@pytest.mark.parametrize("lock", BOUNDS)
def test_the_lock_has_exact_versions_with_hashes_and_no_address(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    for requirement, hashes in locked(lock).values():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier))
        assert hashes


@pytest.mark.parametrize("lock", BOUNDS)
def test_the_lock_is_within_the_bounds_of_pyproject(lock):
    versions = locked(lock)
    for bound in map(Requirement, BOUNDS[lock]):
        if bound.name == "moaplus":
            continue
        assert {specifier.operator for specifier in bound.specifier} == {">="}
        requirement, _ = versions[canonicalize_name(bound.name)]
        (exact,) = requirement.specifier
        assert exact.version in bound.specifier


def test_a_version_stands_once():
    assert not locked("requirements.lock").keys() & locked("optional.lock").keys()


def test_environment_yml_names_the_lock():
    dependencies = read_yaml(ROOT / "environment.yml")["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert pip == ["-r requirements.lock"]


def make(folder, *arguments, **variables):
    """Return what `make` prints in `folder`; nothing is installed."""
    command = ["make", "--silent", "INSTALL=:", f"VENV={folder / 'venv'}", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def checkout(tmp_path):
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / ".created").touch()
    return tmp_path


def test_all_of_the_lock_is_installed_but_uv(checkout):
    make(checkout, "environment")
    assert locked("requirements.lock").keys() - locked(checkout / "venv/requirements.txt") == {"uv"}


def test_beside_a_torch_from_elsewhere_cuda_is_left_out(checkout):
    version = locked("requirements.lock")["torch"][0].specifier
    folder = checkout / "venv/lib/python3.13/site-packages"
    (folder / f"torch-{str(version)[2:]}+cpu.dist-info").mkdir(parents=True)
    make(checkout, "environment")
    kept = locked(checkout / "venv/requirements.txt")
    of_linux = {
        name
        for name, (requirement, _) in locked("requirements.lock").items()
        if requirement.marker
        and requirement.marker.evaluate({"sys_platform": "linux", "platform_machine": "x86_64"})
        and not requirement.marker.evaluate(
            {"sys_platform": "darwin", "platform_machine": "x86_64"}
        )
    }
    assert len(of_linux) > 10
    assert locked("requirements.lock").keys() - kept == of_linux | {"torch", "uv"}


def test_without_git_the_step_of_dvc_is_left_out(checkout):
    commands = make(
        checkout, "--dry-run", "reproduce", GIT_CEILING_DIRECTORIES=str(checkout.parent)
    )
    assert "DVC is left out" in commands.splitlines()[0]
    assert "dvc commit" not in commands
    assert "moaplus verdicts" in commands


def test_with_git_dvc_knows_what_was_made(checkout):
    subprocess.run(["git", "init", "--quiet"], cwd=checkout, check=True)
    (checkout / ".dvc").mkdir()
    assert "dvc commit" in make(checkout, "--dry-run", "reproduce")
    assert "dvc commit" not in make(checkout, "--dry-run", "reproduce", "DVC=")


def test_where_home_can_not_be_written_caches_are_in_the_clone(checkout, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    show = ["--eval", "show:\n\t@echo $$XDG_CACHE_HOME", "show"]
    assert make(checkout, *show, HOME="/dev/null/home").startswith(str(checkout))
    assert not make(checkout, *show, HOME=str(checkout)).strip()


def test_a_clone_has_the_same_bytes_where_git_converts_line_ends(tmp_path):
    origin = tmp_path / "origin"
    origin.mkdir()
    shutil.copy(ROOT / ".gitattributes", origin)
    files = {"runs.csv": b"run,nmi\na,1\n", "nmi.png": b"\x89PNG\r\n\x1a\n"}
    for name, content in files.items():
        (origin / name).write_bytes(content)
    settings = ["-c", "core.autocrlf=true", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["commit", "--quiet", "--message=files"],
        ["clone", "--quiet", ".", str(tmp_path / "clone")],
    ):
        subprocess.run(["git", *settings, *command], cwd=origin, check=True)
    assert {name: (tmp_path / "clone" / name).read_bytes() for name in files} == files
