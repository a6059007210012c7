"""A Gaussian mixture on principal components."""

from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

COMPONENTS = 50


def embed(images, seed, settings):
    """Return the first principal components."""
    return PCA(min(COMPONENTS, len(images)), random_state=seed).fit(images).transform


def clusterer(clusters, seed):
    """Return a mixture with full covariances."""
    return GaussianMixture(clusters, random_state=seed)
