"""MoAPlus at its defaults on data of all sorts, beside other clusterers.

`make gallery` fetches MNIST and Fashion-MNIST, and writes docs/gallery.md. Each clustering is a row
of results/gallery.csv as soon as it is done; rows that today's sources made are not made again.
`--table` prints the table of the rows that are there.
"""

import csv
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from sklearn import datasets
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from moaplus.clusterer.estimator import MoAPlus
from moaplus.plan.runs import Selection
from moaplus.provenance.origin import digest
from moaplus.storage.arrays import load_arrays

ROWS = Path("results/gallery.csv")
SEEDS = range(5)
COMPONENTS = 20  # of PCA, at most
BLOBS = np.array([[0, 0], [12, 0], [0, 12]])  # centres, 12 standard deviations apart
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"

Data = tuple[np.ndarray, np.ndarray]  # inputs and classes


def blobs(*sizes: int) -> Data:
    """Return normal clusters of these sizes."""
    return datasets.make_blobs(sizes, centers=BLOBS[: len(sizes)], random_state=0)


def digits_as_pictures() -> Data:
    digits = datasets.load_digits()
    return digits.images, digits.target


def selected(dataset: str, classes: tuple[int, ...], sizes: dict[int, int] | int) -> Data:
    """Return images of a data set: the first ones, or so many of each class."""
    selection = Selection(dataset, tuple(range(10)), 12665, 0)
    images = load_arrays(selection.images_path)["train"]
    labels = load_arrays(selection.labels_path)["train"]
    sizes = sizes if isinstance(sizes, dict) else {c: sizes // len(classes) for c in classes}
    taken = np.concatenate([np.flatnonzero(labels == c)[: sizes[c]] for c in classes])
    taken = np.random.default_rng(0).permutation(taken)
    return images[taken], labels[taken]


def letters() -> Data:
    """Return the letters A to J in all fonts of matplotlib that have them, moved a little."""
    draw, images, classes = np.random.default_rng(0), [], []
    paths = sorted(p for p in FONTS.glob("*.ttf") if p.name.startswith(("DejaVu", "STIXGen", "cm")))
    paths = [p for p in paths if not p.name.startswith(("cmsy", "cmex"))]  # symbols
    for path in paths:
        for letter in range(10):
            for _ in range(4):
                picture = Image.new("L", (28, 28))
                font = ImageFont.truetype(path, int(draw.integers(18, 25)))
                place = tuple(14 + draw.integers(-2, 3, 2))
                pen = ImageDraw.Draw(picture)
                pen.text(place, chr(ord("A") + letter), fill=255, font=font, anchor="mm")
                images.append(np.array(picture))
                classes.append(letter)
    return np.array(images), np.array(classes)


def coloured_shapes(by_shape: bool) -> Data:
    """Return discs, squares and triangles in red, green and blue, of several sizes."""
    draw, images, classes = np.random.default_rng(0), [], []
    for index in range(900):
        shape, colour = index % 3, index // 3 % 3
        x, y = draw.integers(11, 18, 2)
        r = draw.integers(6, 11)
        fill = np.clip(draw.normal(40, 20, 3) + 170 * np.eye(3)[colour], 0, 255).astype(int)
        picture = Image.new("RGB", (28, 28))
        pen, box, fill = ImageDraw.Draw(picture), (x - r, y - r, x + r, y + r), tuple(fill.tolist())
        if shape == 0:
            pen.ellipse(box, fill=fill)
        elif shape == 1:
            pen.rectangle(box, fill=fill)
        else:
            pen.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=fill)
        images.append(np.array(picture))
        classes.append(shape if by_shape else colour)
    return np.array(images), np.array(classes)


def textures() -> Data:
    """Return filtered noise: fine, coarse, and stripes across and down."""
    draw = np.random.default_rng(0)
    widths = [(0.5, 0.5), (2, 2), (0.5, 5), (5, 0.5)]  # of the filter
    classes = np.tile(np.arange(len(widths)), 200)
    images = [
        ndimage.gaussian_filter(draw.normal(size=(28, 28)), widths[c], mode="wrap") for c in classes
    ]
    return np.array([image / image.std() for image in images]), classes


SOURCES: dict[str, tuple[Callable[[], Data], dict]] = {
    "three blobs": (lambda: blobs(200, 200, 200), {}),
    "blobs of 400, 60 and 40": (lambda: blobs(400, 60, 40), {}),
    "blobs of 475 and 25": (lambda: blobs(475, 25), {}),
    "two moons": (lambda: datasets.make_moons(500, noise=0.05, random_state=0), {}),
    "two circles": (lambda: datasets.make_circles(500, noise=0.05, factor=0.5, random_state=0), {}),
    "iris": (lambda: datasets.load_iris(return_X_y=True), {}),
    "wine": (lambda: datasets.load_wine(return_X_y=True), {}),
    "breast cancer": (lambda: datasets.load_breast_cancer(return_X_y=True), {}),
    "small digits, as features": (lambda: datasets.load_digits(return_X_y=True), {}),
    "small digits, as pictures": (digits_as_pictures, {}),
    "letters in many fonts": (letters, {}),
    "coloured shapes, by shape": (lambda: coloured_shapes(by_shape=True), {}),
    "the same, views: affine, colour": (
        lambda: coloured_shapes(by_shape=True),
        {"views": ("affine", "colour")},
    ),
    "coloured shapes, by colour": (lambda: coloured_shapes(by_shape=False), {}),
    "textures": (textures, {}),
    "the same, views: crop": (textures, {"views": ("crop",)}),
    "MNIST, 950 noughts and 50 ones": (lambda: selected("mnist", (0, 1), {0: 950, 1: 50}), {}),
    "Fashion-MNIST": (lambda: selected("fashion-mnist", tuple(range(10)), 3000), {}),
}


def flat(X: np.ndarray) -> np.ndarray:
    """Return inputs as vectors."""
    return X.reshape(len(X), -1).astype(float)


def gaussian_mixture(X: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    features = flat(X) if X.ndim > 2 else StandardScaler().fit_transform(X)
    size = min(COMPONENTS, *features.shape)
    model = make_pipeline(PCA(size), GaussianMixture(clusters, reg_covar=1e-3, random_state=seed))
    return model.fit_predict(features / features.std())


def k_means(X: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    return KMeans(clusters, n_init=10, random_state=seed).fit_predict(X)


METHODS: dict[str, Callable[..., np.ndarray]] = {
    "MoAPlus": lambda X, clusters, seed, **settings: MoAPlus(
        clusters, random_state=seed, **settings
    ).fit_predict(X),
    "k-means": lambda X, clusters, seed: k_means(flat(X), clusters, seed),
    "k-means, scaled": lambda X, clusters, seed: k_means(
        StandardScaler().fit_transform(flat(X)), clusters, seed
    ),
    "PCA and Gaussian mixture": gaussian_mixture,
    "HDBSCAN": lambda X, clusters, seed: HDBSCAN(copy=True).fit_predict(
        StandardScaler().fit_transform(flat(X))
    ),
}


def clustered(data: str, method: str, seed: int) -> dict:
    """Cluster once; return the scores, the CPU-seconds and how many warnings there were."""
    torch.set_num_threads(1)
    source, settings = SOURCES[data]
    X, y = source()
    settings = settings if method == "MoAPlus" else {}
    before = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        labels = METHODS[method](X, len(set(y)), seed, **settings)
    return {
        "data": data,
        "inputs": len(X),
        "method": method,
        "seed": seed,
        "nmi": normalized_mutual_info_score(y, labels),
        "warned": int(any(w.category is ConvergenceWarning for w in caught)),
        "seconds": time.process_time() - before,
        "sources": digest("moaplus.clusterer.estimator") if method == "MoAPlus" else "",
    }


def done() -> pd.DataFrame:
    """Return the rows that today's sources made."""
    if not ROWS.exists():
        return pd.DataFrame()
    rows = pd.read_csv(ROWS, keep_default_na=False)
    return rows[rows["sources"].isin({"", digest("moaplus.clusterer.estimator")})]


def missing(rows: pd.DataFrame) -> Iterator[tuple[str, str, int]]:
    """Yield the clusterings that have no row."""
    known = {(row.data, row.method, row.seed) for row in rows.itertuples()}
    for data in SOURCES:
        for method in METHODS:
            for seed in range(1) if method == "HDBSCAN" else SEEDS:  # which draws nothing
                if (data, method, seed) not in known:
                    yield data, method, seed


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return NMI by data and method: the mean, and the least and the largest.

    Data of which clusterings are missing are left out.
    """
    lines, incomplete = [], {data for data, _, _ in missing(rows)}
    for data in SOURCES:
        if data in incomplete:
            continue
        here = rows[rows["data"] == data]
        line = {"data": data, "inputs": f"{here['inputs'].iloc[0]:,}"}
        for method in METHODS:
            nmi = here.loc[here["method"] == method, "nmi"]
            spread = f" ({nmi.min():.3f} to {nmi.max():.3f})" if np.ptp(nmi) > 5e-4 else ""
            line[method] = f"{nmi.mean():.3f}{spread}"
        ours = here[here["method"] == "MoAPlus"]
        line["warned"] = f"{ours['warned'].sum()} of {len(ours)}"
        line["CPU-seconds"] = f"{ours['seconds'].mean():.0f}"
        lines.append(line)
    return pd.DataFrame(lines)


def main() -> None:
    """Make what is missing, and print the table."""
    rows = done()
    tasks = [] if "--table" in sys.argv else list(missing(rows))
    if tasks and len(rows):
        rows.to_csv(ROWS, index=False)
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for row in pool.map(clustered, *zip(*tasks, strict=True)) if tasks else ():
            new = not ROWS.exists()
            with ROWS.open("a", newline="") as file:
                writer = csv.DictWriter(file, row, lineterminator="\n")
                if new:
                    writer.writeheader()
                writer.writerow(row)
    print(table(done()).to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    main()
