"""The short form of `make agreement`: Snakemake and DVC on one repository."""

from pathlib import Path

import agreement
import pytest


@pytest.fixture(scope="module")
def repository(tmp_path_factory, mnist) -> Path:
    return agreement.make_repository(tmp_path_factory.mktemp("agreement") / "repository")


def hold(rows: list[dict]) -> bool:
    """Whether both tools did what they should, and then had nothing to do."""
    return bool(rows) and all(agreement.holds(row) for row in rows)


def test_both_rerun_what_a_change_touches_and_none_between_commits(repository):
    assert hold(agreement.changes(repository, (agreement.REPORT, agreement.BOOTSTRAP)))


def test_s3_gives_back_what_it_got_by_make_pull(repository):
    assert hold(agreement.remotes(repository, (agreement.S3,)))
