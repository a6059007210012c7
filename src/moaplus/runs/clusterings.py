"""What plain clustering of the same images gives."""

import importlib
import sys
import warnings
from collections.abc import Callable
from typing import Protocol

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from moaplus.data.images import load_images
from moaplus.plan.references import Reference
from moaplus.plan.runs import SPLITS
from moaplus.plan.settings import Settings
from moaplus.runs.model import DivergedError
from moaplus.storage.arrays import save_arrays


class Method(Protocol):
    """A file of `runs/references`."""

    def embed(
        self, images: np.ndarray, seed: int, settings: Settings
    ) -> Callable[[np.ndarray], np.ndarray]:
        """Learn from images (n, 784) how to see others: (m, 784) -> (m, features)."""

    def clusterer(self, clusters: int, seed: int):
        """Return an estimator of scikit-learn with `fit` and `predict`."""


@threadpool_limits.wrap(limits=1)  # the last bits depend on the number of threads
def cluster_references(
    reference: Reference, settings: Settings, allow_failure: bool = False
) -> None:
    """Cluster the selection's training images for each M and seed; predict both splits.

    Args:
        reference: what is wanted.
        settings: of params.yaml's top level, for methods that train.
        allow_failure: whether a seed whose training diverges is left out, with the reason.

    Raises:
        DivergedError: if a training diverges and that is not allowed.
        UserError: if images are missing, or an optional package is.
    """
    method: Method = importlib.import_module(f"moaplus.runs.references.{reference.method}")
    images = {k: v.reshape(len(v), -1) for k, v in load_images(reference.selection).items()}
    arrays = {}
    for seed in sorted({seed for _, seed in reference.wanted}):
        counts = [M for M, other in reference.wanted if other == seed]
        try:
            arrays |= _cluster(method, images, seed, counts, settings)
        except DivergedError as error:
            if not allow_failure:
                raise
            print(error, file=sys.stderr)
            arrays |= {f"M{M}-seed{seed}-failed": np.array(str(error)) for M in counts}
    save_arrays(reference.path, **arrays)


def _cluster(
    method: Method,
    images: dict[str, np.ndarray],
    seed: int,
    counts: list[int],
    settings: Settings,
) -> dict[str, np.ndarray]:
    """Return the clusters of both splits, by numbers of clusters."""
    see = method.embed(images["train"], seed, settings)
    features = {split: see(images[split]) for split in SPLITS}
    arrays = {}
    for clusters in counts:
        model = method.clusterer(clusters, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is part of the method
            model.fit(features["train"])
        for split in SPLITS:
            predicted = model.predict(features[split]).astype(np.uint8)
            arrays[f"M{clusters}-seed{seed}-{split}"] = predicted
    return arrays
