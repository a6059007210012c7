"""Reference clusterings: methods that need no mixture, set beside the runs of a study."""

from dataclasses import dataclass
from pathlib import Path

from moaplus.plan.choices import names
from moaplus.plan.runs import MODELS, Selection

REFERENCE_METHODS = names("runs/references")
USUAL_REFERENCES = ("kmeans", "pca_gmm")


@dataclass(frozen=True)
class Reference:
    """Clusterings of one selection by one method.

    Attributes:
        selection: the images.
        method: a file of `runs/references`.
        wanted: pairs of M, the number of clusters, and seed.
    """

    selection: Selection
    method: str
    wanted: tuple[tuple[int, int], ...]

    @property
    def path(self) -> Path:
        """Return the npz of cluster numbers, uint8 (n,), under `M{M}-seed{seed}-{split}`."""
        return MODELS / self.selection.name / "references" / self.method / "clusters.npz"

    def configuration(self, clusters: int) -> str:
        """Return what its rows of runs.csv are found by: `mnist-0+1/references/kmeans/M2`."""
        return f"{self.selection.name}/references/{self.method}/M{clusters}"
