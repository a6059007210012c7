"""Scores of clusters against classes, and of the balance of a gate's loads."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import entropy
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

NMI_MEANS = ("arithmetic", "geometric", "min", "max")  # scikit-learn's names


def clustering_scores(labels: np.ndarray, clusters: np.ndarray, n_clusters: int) -> dict:
    """Compute NMI, its ceiling, ACC and ARI of `clusters` against `labels`, both (n,).

    `nmi` divides by the arithmetic mean of the two entropies; `nmi_scores` names the others.
    """
    scores = nmi_scores(labels, clusters)
    return {
        "nmi": scores.pop("nmi"),
        "nmi_ceiling": nmi_ceiling(n_clusters, labels),
        **scores,
        "acc": clustering_accuracy(labels, clusters),
        "ari": adjusted_rand_score(labels, clusters),
        "clusters_used": len(np.unique(clusters)),
    }


def nmi_scores(labels: np.ndarray, clusters: np.ndarray) -> dict[str, float]:
    """Compute the NMI of `clusters` and `labels`, both (n,), over each mean of the two entropies.

    Under `nmi` the arithmetic mean; under `nmi_geometric`, `nmi_min`, `nmi_max` the others (Vinh et
    al. 2010, "Information theoretic measures for clusterings comparison", table 2).
    """
    names = {mean: "nmi" if mean == "arithmetic" else f"nmi_{mean}" for mean in NMI_MEANS}
    return {
        name: normalized_mutual_info_score(labels, clusters, average_method=mean)
        for mean, name in names.items()
    }


def clustering_accuracy(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Compute the share of images in their class under the best one-to-one match with clusters.

    Classes without a cluster of their own count as wrong (Hungarian method; Yang et al. 2010,
    "Image clustering using local discriminant models and global integration", eq. 12).
    """
    table = contingency_matrix(labels, clusters)
    return float(table[linear_sum_assignment(-table)].sum() / len(labels))


def nmi_ceiling(n_clusters: int, labels: np.ndarray, mean: str = "arithmetic") -> float:
    """Compute the largest NMI that `n_clusters` clusters can reach against `labels` (n,).

    The information I is at most the clusters' entropy h ≤ ln M. With the classes' entropy H (ln C
    for C balanced classes) and h ≤ H, h over the arithmetic or geometric mean of h and H, or over
    the larger of them, grows with h: its ceiling is its value at h = ln M, for example
    2 ln M / (ln M + H). With the smaller of them the ceiling is 1.
    """
    clusters = np.log(n_clusters)
    classes = entropy(np.unique(labels, return_counts=True)[1])
    if classes <= clusters:
        return 1.0
    divisor = {
        "arithmetic": (clusters + classes) / 2,
        "geometric": np.sqrt(clusters * classes),
        "min": clusters,
        "max": classes,
    }[mean]
    return float(clusters / divisor)


def load_entropy(loads: np.ndarray) -> float:
    """Compute the entropy of the loads (M,) over ln M: 1 if they are equal, 0 for one expert."""
    return float(entropy(loads) / np.log(len(loads)))


def dominance(loads: np.ndarray) -> float:
    """Return the largest load: 1/M when experts share the data evenly, 1 when one takes all."""
    return float(np.max(loads))
