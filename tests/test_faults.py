"""`make faults` on the real DAG: some of each kind, and with --all every one."""

import dataclasses
import itertools
import subprocess
from collections.abc import Iterator

import faults
import pytest


@pytest.fixture(scope="module")
def lab(tmp_path_factory, finished) -> faults.Lab:
    return faults.Lab(finished, tmp_path_factory.mktemp("faults"))


def making(lab: faults.Lab, *targets: str) -> faults.Lab:
    """Return the same, but what is made anew after a fault is no more than these files."""
    return dataclasses.replace(lab, targets=targets)


def survived(rows: Iterator[dict]) -> bool:
    """Tell whether every try of every fault was survived; there is at least one."""
    table = list(rows)
    return bool(table) and all(row["survived"] == row["tried"] > 0 for row in table)


def test_killed_trainings_go_on(lab):
    assert survived(faults.killed_trainings(lab, times=2))


def test_an_ended_snakemake_ends_its_children_and_goes_on(lab):
    ended = making(lab, "models")
    assert survived(faults.ended_snakemakes(ended, ("SIGTERM",), times=1))


def test_half_files_and_flipped_bits_are_seen_and_one_call_makes_them_anew(lab):
    halves, bits = ("table.md", "figure, SVG", "probe"), ("model", "reference clusters")
    again = making(lab, *(faults.KINDS[kind] for kind in halves + bits))
    assert survived(faults.many_at_once(again, halves, bits))


@pytest.mark.parametrize("fault", [faults.full_disks, faults.unwritable_folders])
def test_nothing_half_written_is_left_where_a_step_cannot_write(lab, fault):
    mount = ("unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no user mount")
    assert survived(fault(making(lab, "data"), ("data",)))


def test_two_at_once(lab):
    assert survived(faults.two_at_once(making(lab, faults.ONE_OF["figure"]), ("figure",)))


def test_wrong_mirrors(lab):
    kinds = ("stalls", "half a file")
    assert survived(itertools.islice(faults.bad_mirrors(lab, kinds), len(kinds)))  # no real fetch


def test_a_failed_training_is_named_and_left_out(lab):
    assert survived(faults.not_finite(making(lab, "results/table.md"), ("moa_plus",)))


@pytest.mark.long
@pytest.mark.parametrize("fault", faults.FAULTS)
def test_every_one(lab, fault):
    assert survived(fault(lab))
