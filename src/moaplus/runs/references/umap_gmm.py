"""A Gaussian mixture on UMAP's embedding (McInnes et al. 2018)."""

from moaplus.runs.references.pca_gmm import clusterer as clusterer
from moaplus.storage.files import UserError


def embed(images, seed, settings):
    """Return ten coordinates, by the settings that UMAP's documentation advises for clustering."""
    try:
        from umap import UMAP
    except ModuleNotFoundError as error:
        raise UserError("umap_gmm: needs umap-learn; run `make umap`") from error
    settings = {"n_components": 10, "n_neighbors": 30, "min_dist": 0.0}
    return UMAP(**settings, random_state=seed, n_jobs=1).fit(images).transform
