"""How cost grows: with the experts, the images and the runs. `make growth` prints three tables."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

import pandas as pd
from workspace import call, change_params, environment, fetch_mnist, make_workspace

EXPERTS = (2, 5, 10, 20)
IMAGES = (2000, 30000, 60000)  # beside 12,665
RUNS = (10, 100, 1000)


def cost(folder: Path, *command: str) -> tuple[float, float]:
    """Seconds and peak memory, in MB, of a command."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - begin, usage.ru_maxrss / 1024


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
    """An epoch of one run, by the difference of a long and a short training, and its memory."""
    seconds = {}
    for epochs in (1, 3):
        selection = {"classes": "all", "images": "all" if images == 60000 else images}
        study(folder, selections=[selection], experts=[experts], train={"epochs": epochs})
        run = call(folder, "moaplus", "runs").split()[0]
        call(folder, "moaplus", "select", run.split("/")[1])
        seconds[epochs], memory = cost(folder, "moaplus", "train", run)
    return {
        "M": experts,
        "images": f"{images:,}",
        "seconds an epoch": round((seconds[3] - seconds[1]) / 2, 2),
        "start, evaluation": round((3 * seconds[1] - seconds[3]) / 2, 2),
        "MB": round(memory),
    }


def planning(folder: Path, runs: int) -> dict:
    """What Snakemake and `moaplus runs` take to look at so many runs, of which none is trained."""
    study(folder, seeds=list(range(runs)))
    seconds, _ = cost(folder, "moaplus", "runs")
    dry, memory = cost(folder, "snakemake", "-n", "--quiet", "all")
    return {
        "runs": f"{runs:,}",
        "`moaplus runs`, seconds": round(seconds, 2),
        "`snakemake -n`, seconds": round(dry, 2),
        "MB": round(memory),
    }


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_workspace(Path(scratch) / "workspace", fetch_mnist())
        by_experts = [training(folder, experts, 12665) for experts in EXPERTS]
        by_images = [training(folder, 2, images) for images in IMAGES]
        for rows in (by_experts, by_images, [planning(folder, runs) for runs in RUNS]):
            print(pd.DataFrame(rows).to_markdown(index=False), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
