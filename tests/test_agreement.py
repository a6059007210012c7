"""`make agreement`: Snakemake and DVC on one repository; with --all every sequence."""

import shutil
from pathlib import Path

import agreement
import pytest
from workspace import call, jobs, planned_jobs


@pytest.fixture(scope="module")
def published(tmp_path_factory, finished) -> tuple[Path, str]:
    """The finished workspace as a repository, and what `dvc repro` said in it."""
    folder = tmp_path_factory.mktemp("agreement") / "repository"
    shutil.copytree(finished, folder, symlinks=True)
    return folder, agreement.publish(folder)


def hold(rows: list[dict]) -> bool:
    """Tell whether both tools did what they should, and then had nothing to do."""
    return bool(rows) and all(agreement.holds(row) for row in rows)


def test_dvc_runs_the_stages_and_then_has_nothing_to_do(published):
    folder, said = published
    assert "Running stage" in said
    assert not jobs(said)["train"]
    assert "Data and pipelines are up to date" in call(folder, "dvc", "status")
    shown = call(folder, "dvc", "metrics", "show")
    assert "moa_plus.nmi" in shown
    assert max(map(len, shown.splitlines())) <= 120
    assert "file://" in call(folder, "dvc", "plots", "show")
    assert not planned_jobs(folder)


def test_both_rerun_what_a_change_touches_and_none_between_commits(published):
    assert hold(agreement.changes(published[0], (agreement.REPORT,)))


def test_s3_gives_back_what_it_got_by_make_pull(published):
    assert hold(agreement.remotes(published[0], (agreement.S3,)))


@pytest.fixture(scope="module")
def repository(tmp_path_factory, mnist) -> Path:
    return agreement.make_repository(tmp_path_factory.mktemp("whole") / "repository")


@pytest.mark.long
@pytest.mark.parametrize("sequence", agreement.SEQUENCES)
def test_every_one(repository, sequence):
    assert hold(sequence(repository))
