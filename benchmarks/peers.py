"""MoA+ with two views beside other clusterers: same images, same core.

`make peers` installs what it needs beside the project. DEC, DCN and N2D are ClustPy's, at its
defaults, and again with so many epochs that they take our time.
"""

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version

import numpy as np
import pandas as pd

from moaplus.data.fetch import torchvision_datasets
from moaplus.plan.runs import Selection
from moaplus.plan.studies import load
from moaplus.report.titles import METHODS
from moaplus.storage.arrays import load_arrays
from moaplus.theory.scores import clustering_scores

IMAGES, CLUSTERS = Selection("mnist", tuple(range(10)), 12665, 0), 10
SEEDS = (0, 1, 2)
OURS = "moa_plus_views"
REFERENCES = ("kmeans", "pca_gmm", "umap_gmm")
DEEP = {  # ClustPy's methods, with the epochs that are its defaults
    "DEC": {"pretrain_epochs": 100, "clustering_epochs": 150},
    "DCN": {"pretrain_epochs": 100, "clustering_epochs": 150},
    "N2D": {"pretrain_epochs": 100},
}
MANIFOLD = {"n_components": CLUSTERS, "n_neighbors": 20, "min_dist": 0.0}  # of N2D's paper


def ours(images: np.ndarray, seed: int) -> np.ndarray:
    from moaplus import MoAPlus

    return MoAPlus(CLUSTERS, random_state=seed).fit_predict(images)


def reference(name: str, images: np.ndarray, seed: int) -> np.ndarray:
    """Cluster by a reference method of the pipeline."""
    method = import_module(f"moaplus.runs.references.{name}")
    pixels = images.reshape(len(images), -1).astype(np.float32) / 255
    features = method.embed(pixels, seed, load().settings)(pixels)
    return method.clusterer(CLUSTERS, seed).fit(features).predict(features)


def deep(name: str, images: np.ndarray, seed: int, share: float) -> np.ndarray:
    """Cluster by a method of ClustPy, with a share of the epochs of its defaults."""
    import torch

    torchvision_datasets()  # as torchvision's operators are missing beside a torch without CUDA
    from clustpy import deep as clustpy

    torch.set_num_threads(1)
    pixels = images.reshape(len(images), -1).astype(np.float32) / 255
    options: dict = {key: max(1, round(share * value)) for key, value in DEEP[name].items()}
    if name == "N2D":
        from umap import UMAP

        options |= {"manifold_class": UMAP, "manifold_params": MANIFOLD}
    model = getattr(clustpy, name)(CLUSTERS, random_state=seed, device="cpu", **options)
    return model.fit(pixels).labels_


def score(method: str, seed: int, share: float) -> None:
    """Cluster, and print the scores: a process of its own, as memory is measured."""
    images = load_arrays(IMAGES.images_path)["train"]
    labels = load_arrays(IMAGES.labels_path)["train"]
    if method == OURS:
        clusters = ours(images, seed)
    elif method in REFERENCES:
        clusters = reference(method, images, seed)
    else:
        clusters = deep(method, images, seed, share)
    print(json.dumps(clustering_scores(labels, clusters, CLUSTERS)))


def measured(method: str, seed: int, share: float = 1.0) -> dict:
    """Return the scores of one clustering, its CPU-seconds and its peak memory in MB."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--one", method, str(seed), str(share)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{method}, seed {seed}: failed; run `python {__file__} --one …` to see")
    seconds = usage.ru_utime + usage.ru_stime
    return json.loads(output.splitlines()[-1]) | {
        "seconds": seconds, "memory": usage.ru_maxrss / 1024
    }  # fmt: skip


def line(name: str, rows: list[dict]) -> dict:
    frame = pd.DataFrame(rows)
    return {
        "method": name,
        "NMI": f"{frame['nmi'].mean():.3f} ({frame['nmi'].min():.3f} to {frame['nmi'].max():.3f})",
        "ACC": f"{frame['acc'].mean():.3f}",
        "CPU-seconds": f"{frame['seconds'].mean():.0f}",
        "MB": f"{frame['memory'].max():,.0f}",
    }


def main() -> None:
    """Measure all, one after the other, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=3, metavar=("METHOD", "SEED", "SHARE"))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args()
    if options.one:
        method, seed, share = options.one
        return score(method, int(seed), float(share))
    lines, seconds = [], {}
    for method in (OURS, *REFERENCES, *DEEP):
        rows = [measured(method, seed) for seed in options.seeds]
        seconds[method] = np.mean([row["seconds"] for row in rows])
        lines.append(line(METHODS[method], rows))
        print(lines[-1], file=sys.stderr)
    for method in DEEP:
        share = seconds[OURS] / seconds[method]
        rows = [measured(method, seed, share) for seed in options.seeds]
        lines.append(line(f"{method}, our time", rows))
        print(lines[-1], file=sys.stderr)
    print(f"ClustPy {version('clustpy')}, {len(options.seeds)} seeds.\n")
    print(pd.DataFrame(lines).to_markdown(index=False))
    return None


if __name__ == "__main__":
    main()
