"""What methods are called in tables and figures."""


class _Titles(dict[str, str]):
    """Titles by name; a method without one is called by its name."""

    def __missing__(self, name: str) -> str:
        return name


METHODS = _Titles(
    {
        "moa": "Standard MoA",
        "moe": "Mixture of experts (1991, eq. 1.2)",
        "hinton": "Mixture of experts (1991, eq. 1.3)",
        "st_moe": "Standard MoA with ST-MoE's losses",
        "moa_plus": "MoA+",
        "moa_plus_exact": "MoA+, the loss itself",
        "moa_plus_frobenius": "MoA+, Frobenius bound",
        "moa_plus_views": "MoA+, two views",
        "moa_plus_one_view": "MoA+, two views, each view's own Γ",
        "moa_plus_views_frobenius": "MoA+, two views, ‖Γ'⁻¹‖ for det Γ'",
        "moa_plus_views_paper": "MoA+, two views, paper's bound",
        "iic": "Mutual information of two views (IIC)",
        "kmeans": "k-means",
        "pca_gmm": "PCA (50) + Gaussian mixture",
        "umap_gmm": "UMAP (10) + Gaussian mixture",
        "ae_kmeans": "one autoencoder + k-means",
    }
)
