"""What plain clustering of the same images gives: scikit-learn's k-means and PCA + mixture."""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from moaplus.data.images import load_images
from moaplus.plan.references import REFERENCE_METHODS, Reference
from moaplus.plan.runs import SPLITS
from moaplus.storage.arrays import save_arrays

PCA_COMPONENTS = 50


@threadpool_limits.wrap(limits=1)  # the last bits depend on the number of threads
def cluster_references(reference: Reference) -> None:
    """Cluster the selection's training images with each method and seed; predict both splits."""
    images = {k: v.reshape(len(v), -1) for k, v in load_images(reference.selection).items()}
    arrays = {}
    for seed in reference.seeds:
        for method in REFERENCE_METHODS:
            model = _model(method, reference.clusters, seed, len(images["train"]))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is part of method
                model.fit(images["train"])
            for split in SPLITS:
                clusters = model.predict(images[split])
                arrays[f"{method}-seed{seed}-{split}"] = clusters.astype(np.uint8)
    save_arrays(reference.path, **arrays)


def _model(method: str, clusters: int, seed: int, n: int):
    if method == "kmeans":
        return KMeans(clusters, n_init=1, random_state=seed)
    return make_pipeline(
        PCA(min(PCA_COMPONENTS, n), random_state=seed),
        GaussianMixture(clusters, random_state=seed),
    )
