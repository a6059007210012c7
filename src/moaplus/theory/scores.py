"""Scores of clusters against classes, and of the balance of a gate's loads.

All scores of a clustering come from its contingency table. scikit-learn has them too, and tests
hold these to it, but its import takes longer than a run's scores.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

NMI_MEANS = ("arithmetic", "geometric", "min", "max")  # scikit-learn's names


def clustering_scores(labels: np.ndarray, clusters: np.ndarray, n_clusters: int) -> dict:
    """Compute NMI, its ceiling, ACC and ARI of `clusters` against `labels`, both (n,).

    `nmi` divides by the arithmetic mean of the two entropies; `nmi_scores` names the others.
    """
    table = contingency(labels, clusters)
    scores = nmi_scores(table)
    return {
        "nmi": scores.pop("nmi"),
        "nmi_ceiling": nmi_ceiling(n_clusters, labels),
        **scores,
        "acc": clustering_accuracy(table),
        "ari": adjusted_rand_index(table),
        "clusters_used": table.shape[1],
    }


def contingency(labels: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Count the images of each class in each cluster, (classes, clusters); none is empty."""
    classes, rows = np.unique(labels, return_inverse=True)
    found, columns = np.unique(clusters, return_inverse=True)
    shape = len(classes), len(found)
    cells = np.ravel_multi_index((rows, columns), shape)
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)


def nmi_scores(table: np.ndarray) -> dict[str, float]:
    """Compute the NMI of a contingency table over each mean of the two entropies.

    Under `nmi` the arithmetic mean; under `nmi_geometric`, `nmi_min`, `nmi_max` the others (Vinh et
    al. 2010, "Information theoretic measures for clusterings comparison", table 2). By convention
    it is 1 where there is one class and one cluster, and else 0 where they share no information.
    """
    names = {mean: "nmi" if mean == "arithmetic" else f"nmi_{mean}" for mean in NMI_MEANS}
    classes, clusters = entropy(table.sum(axis=1)), entropy(table.sum(axis=0))
    information = classes + clusters - entropy(table)
    if table.size == 1:
        return dict.fromkeys(names.values(), 1.0)
    if information <= len(table) * np.finfo(float).eps:
        return dict.fromkeys(names.values(), 0.0)
    return {
        name: float(information / _mean(mean, classes, clusters)) for mean, name in names.items()
    }


def clustering_accuracy(table: np.ndarray) -> float:
    """Compute the share of images in their class under the best one-to-one match with clusters.

    Classes without a cluster of their own count as wrong (Hungarian method; Yang et al. 2010,
    "Image clustering using local discriminant models and global integration", eq. 12).
    """
    return float(table[linear_sum_assignment(-table)].sum() / table.sum())


def adjusted_rand_index(table: np.ndarray) -> float:
    """Compute the share of pairs on which both sides agree, 0 by chance, 1 for equal partitions.

    Hubert and Arabie 1985, "Comparing partitions", eq. 5.
    """

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    classes, clusters = pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    both = pairs(table)
    if classes == clusters == both:
        return 1.0
    chance = classes * clusters / pairs(table.sum())
    return (both - chance) / ((classes + clusters) / 2 - chance)


def entropy(weights: np.ndarray) -> float:
    """Compute the entropy of weights of any shape, which need not sum to 1; 0 ln 0 is 0."""
    shares = weights[weights > 0] / weights.sum()
    return float(-(shares * np.log(shares)).sum())


def nmi_ceiling(n_clusters: int, labels: np.ndarray, mean: str = "arithmetic") -> float:
    """Compute the largest NMI that `n_clusters` clusters can reach against `labels` (n,).

    The information I is at most the clusters' entropy h ≤ ln M. With the classes' entropy H (ln C
    for C balanced classes) and h ≤ H, h over the arithmetic or geometric mean of h and H, or over
    the larger of them, grows with h: its ceiling is its value at h = ln M, for example
    2 ln M / (ln M + H). With the smaller of them the ceiling is 1.
    """
    clusters = np.log(n_clusters)
    classes = entropy(np.unique(labels, return_counts=True)[1])
    return 1.0 if classes <= clusters else float(clusters / _mean(mean, classes, clusters))


def load_entropy(loads: np.ndarray) -> float:
    """Compute the entropy of the loads (M,) over ln M: 1 if they are equal, 0 for one expert."""
    return float(entropy(loads) / np.log(len(loads)))


def dominance(loads: np.ndarray) -> float:
    """Return the largest load: 1/M when experts share the data evenly, 1 when one takes all."""
    return float(np.max(loads))


def _mean(kind: str, a: float, b: float) -> float:
    """Return a mean, by scikit-learn's name, of two entropies."""
    return {
        "arithmetic": (a + b) / 2,
        "geometric": (a * b) ** 0.5,
        "min": min(a, b),
        "max": max(a, b),
    }[kind]
