"""The same run gives the same bytes: in another folder, with other cores, under load, by hand."""

import subprocess
import sys
from pathlib import Path

import pytest
from workspace import RUNS, call, make_workspace

RUN = f"{RUNS}/M2/moa_plus/seed0"
FILES = ("model.safetensors", "history.csv", "concentrations.npz", "samples.npz")
KMEANS = "models/mnist-0+1-n400/references/kmeans/clusters.npz"
BUSY = [sys.executable, "-c", "while True: pass"]


def models(folder: Path) -> dict[str, bytes]:
    """Bytes of all that training, evaluation, clustering and scoring write."""
    files = [path for path in (folder / "models").rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("cores", "targets"),
    [
        ("4", (f"{RUN}/concentrations.npz", f"{RUNS}/M3/moa/seed1/samples.npz", KMEANS)),
        pytest.param("1", (f"{RUN}/concentrations.npz",), marks=pytest.mark.long),
        pytest.param("4", ("models",), marks=pytest.mark.long),
    ],
)
def test_the_same_bytes_with_other_cores_in_another_folder(
    finished, mnist, tmp_path, cores, targets
):
    folder = make_workspace(tmp_path / "elsewhere", mnist)
    call(folder, "snakemake", "--cores", cores, *targets)
    made, wanted = models(folder), models(finished)
    if targets == ("models",):
        assert made == wanted
    runs = [Path(target).parent.as_posix() for target in targets if "seed" in target]
    assert {f"{run}/{name}" for run in runs for name in FILES} <= set(made)
    assert made == {name: wanted[name] for name in made}


@pytest.mark.parametrize("processes", [1, pytest.param(4, marks=pytest.mark.long)])
def test_the_same_bytes_by_hand_under_load(finished, mnist, tmp_path, processes):
    folder = make_workspace(tmp_path / "by-hand", mnist)
    load = [subprocess.Popen(BUSY) for _ in range(processes)]
    try:
        call(folder, "moaplus", "select", "mnist-0+1-n400")
        call(folder, "moaplus", "train", RUN)
    finally:
        for process in load:
            process.kill()
            process.wait()
    made = models(folder)
    assert set(made) == {f"{RUN}/{name}" for name in FILES}
    assert made == {name: models(finished)[name] for name in made}
