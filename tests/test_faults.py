"""The short form of `make faults`: one or two of each kind, on the real DAG."""

import subprocess
from collections.abc import Iterator

import faults
import pytest


@pytest.fixture(scope="module")
def lab(tmp_path_factory, mnist) -> faults.Lab:
    return faults.make_lab(tmp_path_factory.mktemp("faults"))


def survived(rows: Iterator[dict]) -> bool:
    """Whether every try of every fault was survived; there is at least one."""
    table = list(rows)
    return bool(table) and all(row["survived"] == row["tried"] > 0 for row in table)


def test_killed_trainings_go_on(lab):
    assert survived(faults.killed_trainings(lab, times=3))


def test_an_ended_snakemake_ends_its_children_and_goes_on(lab):
    assert survived(faults.ended_snakemakes(lab, ("SIGTERM",), times=1))


def test_half_a_file_is_made_anew(lab):
    assert survived(faults.damaged_files(lab, ("table.md",)))


def test_flipped_bits_are_seen(lab):
    assert survived(faults.flipped_bits(lab, ("model",), times=1))


@pytest.mark.parametrize("fault", [faults.full_disks, faults.unwritable_folders])
def test_nothing_half_written_is_left_where_a_step_cannot_write(lab, fault):
    mount = ("unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no user mount")
    assert survived(fault(lab, ("data",)))


def test_two_at_once(lab):
    assert survived(faults.two_at_once(lab, ("figure",)))


def test_wrong_mirrors(lab):
    assert survived(faults.bad_mirrors(lab, ("stalls", "half a file")))


def test_a_failed_training_is_named_and_left_out(lab):
    assert survived(faults.not_finite(lab))
