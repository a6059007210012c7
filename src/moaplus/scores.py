"""How well clusters match classes, and how evenly a gate uses its experts."""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import entropy
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix


def clustering_scores(labels: np.ndarray, clusters: np.ndarray, n_clusters: int) -> dict:
    """NMI (arithmetic mean), its ceiling, ACC and ARI of `clusters` against `labels`, both (n,)."""
    return {
        "nmi": normalized_mutual_info_score(labels, clusters),
        "nmi_ceiling": nmi_ceiling(n_clusters, labels),
        "acc": clustering_accuracy(labels, clusters),
        "ari": adjusted_rand_score(labels, clusters),
        "clusters_used": len(np.unique(clusters)),
    }


def clustering_accuracy(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Share of images in their class under the best one-to-one match of clusters with classes.

    Classes without a cluster of their own count as wrong (Hungarian method; Yang et al. 2010,
    "Image clustering using local discriminant models and global integration", eq. 12).
    """
    table = contingency_matrix(labels, clusters)
    return float(table[linear_sum_assignment(-table)].sum() / len(labels))


def nmi_ceiling(n_clusters: int, labels: np.ndarray) -> float:
    """The largest NMI that `n_clusters` clusters can reach: min(1, 2 ln M / (ln M + H)).

    H is the entropy of the labels, ln C for C balanced classes. Since I ≤ H(clusters) ≤ ln M and
    2h/(h + H) grows with h, no clustering into M clusters passes it.
    """
    clusters = np.log(n_clusters)
    classes = entropy(np.unique(labels, return_counts=True)[1])
    return float(min(1.0, 2 * clusters / (clusters + classes)))


def dominance(loads: np.ndarray) -> float:
    """The largest load: 1/M when experts share the data evenly, 1 when one takes all."""
    return float(np.max(loads))
