"""The same run gives the same bytes: in another folder, with other cores, under load, by hand."""

import subprocess
import sys
from pathlib import Path

import pytest
from workspace import RUNS, call, make_workspace

RUN = Path(f"{RUNS}/M2/moa_plus/seed0")
BUSY = [sys.executable, "-c", "while True: pass"]


def models(folder: Path) -> dict[str, bytes]:
    """Bytes of all that training, evaluation and clustering write."""
    files = [path for path in (folder / "models").rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("cores", "target", "files"),
    [
        ("1", RUN / "concentrations.npz", 2 * 4),  # runs of its batch × files
        ("4", "models", 8 * 4 + 3),  # runs × files, and references
    ],
)
def test_the_same_bytes_with_other_cores_in_another_folder(
    finished, mnist, tmp_path, cores, target, files
):
    folder = make_workspace(tmp_path / "elsewhere", mnist)
    call(folder, "snakemake", "--cores", cores, str(target))
    made = models(folder)
    assert len(made) == files
    assert made == {name: models(finished)[name] for name in made}


def test_the_same_bytes_by_hand_under_load(finished, mnist, tmp_path):
    folder = make_workspace(tmp_path / "by-hand", mnist)
    load = [subprocess.Popen(BUSY) for _ in range(4)]
    try:
        call(folder, "moaplus", "select", "mnist-0+1-n400")
        call(folder, "moaplus", "train", str(RUN))
    finally:
        for process in load:
            process.kill()
            process.wait()
    made = models(folder)
    assert len(made) == 4
    assert made == {name: models(finished)[name] for name in made}
