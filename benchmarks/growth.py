"""Where the time of a run goes, and how cost grows with experts, images and runs: `make growth`."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from workspace import (
    ROOT,
    call,
    change_params,
    fetch_mnist,
    make_records,
    make_workspace,
)

from moaplus.plan.datasets import raw_files
from moaplus.plan.results import BENCHMARKS
from moaplus.plan.studies import load
from moaplus.provenance.origin import origin_of
from moaplus.provenance.records import load_record, save_record
from moaplus.storage.arrays import load_arrays, save_arrays
from moaplus.storage.frames import load_frame
from moaplus.storage.idx import load_idx
from moaplus.storage.tensors import load_tensors, save_tensors

# In a small process: what a process has in memory when it starts another counts as the other's.
COST = """
import os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - begin, usage.ru_maxrss)
sys.exit(status)
"""
CLUSTER = """
import sys
import numpy as np
from moaplus import MoAPlus
MoAPlus(10, epochs=1, random_state=0).fit(np.load(sys.argv[1], mmap_mode="r")[: int(sys.argv[2])])
"""
DRY_RUN = ("snakemake", "-n", "--quiet", "all")
EPOCHS = (1, 6)  # of two trainings, whose difference is that of five epochs
EXPERTS = (2, 10, 20, 50)
IMAGES = (2000, 60000, 240000)  # beside 12,665
CLUSTERED = (10_000, 100_000, 1_000_000)
RUNS = (10, 1000, 10000)
BY_NAME = ("probe", "reference")  # rules whose jobs differ too much to be one kind


def cost(folder: Path, *command: str) -> tuple[float, float]:
    """Return seconds and peak memory, in MB, of a command."""
    seconds, kilobytes = call(folder, sys.executable, "-c", COST, *command).split()[-2:]
    return float(seconds), int(kilobytes) / 1024


def study(folder: Path, **settings) -> None:
    """Make a study of such settings the only one."""
    base = {
        "selections": [{"classes": "all", "images": 2000}],
        "experts": [2], "objectives": ["moa_plus"], "seeds": [0],
    }  # fmt: skip
    change_params(
        folder, lambda params: params.update(default=["study"], studies={"study": base | settings})
    )


def training(folder: Path, experts: int, images: int) -> dict:
    """Measure an epoch of one run, as the difference of two trainings, and its memory."""
    seconds = {}
    for epochs in EPOCHS:
        selection = {"classes": "all", "images": "all" if images >= 60000 else images}
        both = sorted({2, experts})  # the pages of default studies need M = 2
        study(folder, selections=[selection], experts=both, train={"epochs": epochs})
        run = call(folder, "moaplus", "runs").split()[both.index(experts)]
        call(folder, "moaplus", "select", run.split("/")[1])
        shutil.rmtree(folder / run, ignore_errors=True)  # it may be there, of fewer images
        if images > 60000:
            tile(folder / "data" / "selected" / run.split("/")[1] / "images.npz", images)
        seconds[epochs], memory = cost(folder, "moaplus", "train", run)
    epoch = (seconds[EPOCHS[1]] - seconds[EPOCHS[0]]) / (EPOCHS[1] - EPOCHS[0])
    return {
        "M": experts,
        "images": f"{images:,}",
        "seconds an epoch": round(epoch, 2),
        "start, evaluation": round(seconds[EPOCHS[0]] - epoch * EPOCHS[0], 2),
        "MB": round(memory),
    }


def tile(path: Path, images: int) -> None:
    """Repeat a selection's training images until they are so many."""
    arrays = load_arrays(path)
    arrays["train"] = np.resize(arrays["train"], (images, *arrays["train"].shape[1:]))
    save_arrays(path, **arrays)


def map_images(path: Path, images: int) -> Path:
    """Write an npy file of so many images of MNIST, each of them several times."""
    first, *_ = raw_files("mnist")
    pixels = load_idx(ROOT / first)
    array = np.lib.format.open_memmap(path, "w+", np.uint8, (images, *pixels.shape[1:]))
    for start in range(0, images, len(pixels)):
        array[start : start + len(pixels)] = pixels[: images - start]
    return path


def clustering(array: Path, images: int) -> dict:
    """Measure the estimator, for one epoch, on images that are mapped from the disk."""
    seconds, memory = cost(ROOT, sys.executable, "-c", CLUSTER, str(array), str(images))
    return {"images": f"{images:,}", "seconds": round(seconds), "MB": round(memory)}


def by_kind(folder: Path = ROOT) -> pd.DataFrame:
    """Add up Snakemake's records of the jobs that a checkout ran last, by kind."""
    paths = sorted((folder / BENCHMARKS).rglob("*.tsv"))
    if not paths:
        sys.exit(f"{BENCHMARKS}: no records; run `make reproduce` here first")
    jobs = pd.concat(load_frame(path, "delete it", sep="\t") for path in paths)
    parts = [path.relative_to(folder / BENCHMARKS).with_suffix("").parts for path in paths]
    kinds = [f"{rule} {rest[-1]}" if rule in BY_NAME else rule for rule, *rest in parts]
    table = jobs.groupby(kinds).agg(
        jobs=("s", "size"), seconds=("s", "sum"), cpu=("cpu_time", "sum"), MB=("max_rss", "max")
    )
    table = table.sort_values("seconds", ascending=False)
    table.loc["all"] = [*table[["jobs", "seconds", "cpu"]].sum(), table["MB"].max()]
    table = table.round({"seconds": 1, "cpu": 1, "MB": 0}).astype({"jobs": int, "MB": int})
    return table.rename(columns={"cpu": "CPU-seconds, sampled"}).rename_axis("kind").reset_index()


def planning(folder: Path, runs: int) -> dict:
    """Measure what it takes to plan so many runs, of which none is trained."""
    study(folder, seeds=list(range(runs)))
    seconds, _ = cost(folder, "moaplus", "runs")
    dry, memory = cost(folder, *DRY_RUN)
    return {
        "runs": f"{runs:,}",
        "`moaplus runs`, seconds": round(seconds, 2),
        "`snakemake -n`, seconds": round(dry, 2),
        "MB": round(memory),
    }


def looking(folder: Path, runs: int) -> dict:
    """Measure what it takes to look at so many runs that are trained and scored."""
    settings = {"selections": [{"classes": [0, 1], "images": 400}], "train": {"epochs": 1}}
    study(folder, seeds=list(range(runs)), **settings)
    imitate_runs(folder)
    (folder / ".snakemake").mkdir(exist_ok=True)
    first, _ = cost(folder, *DRY_RUN)
    later, memory = cost(folder, *DRY_RUN)
    return {
        "models and records": f"{runs:,}",
        "first `snakemake -n`, seconds": round(first, 2),
        "later, seconds": round(later, 2),
        "MB": round(memory),
    }


def imitate_runs(folder: Path) -> None:
    """Give all runs of the study valid files: those of the first, with each run's own origin."""
    before = Path.cwd()
    os.chdir(folder)
    first, *others = load().default_runs.values()
    if not first.record.exists():
        make_records([first])
    weights, origin = load_tensors(first.model)
    entry = load_record(first)
    for run in others:
        if not run.record.exists():
            run.folder.mkdir(parents=True, exist_ok=True)
            for path in (first.history, first.concentrations, first.samples):
                os.link(path, run.folder / path.name)
            save_tensors(run.model, weights, origin | origin_of(run))
            save_record(run, entry | origin_of(run))
    os.chdir(before)


def main() -> None:
    """Print the tables."""
    kinds = by_kind()
    print(kinds.to_markdown(index=False), end="\n\n", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_workspace(Path(scratch) / "workspace", fetch_mnist())
        by_experts = [training(folder, experts, 12665) for experts in EXPERTS]
        by_images = [training(folder, 2, images) for images in IMAGES]
        array = map_images(Path(scratch) / "images.npy", max(CLUSTERED))
        clustered = [clustering(array, images) for images in CLUSTERED]
        planned = [planning(folder, runs) for runs in RUNS]
        looked_at = [looking(folder, runs) for runs in RUNS]
        for rows in (by_experts, by_images, clustered, planned, looked_at):
            print(pd.DataFrame(rows).to_markdown(index=False), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
