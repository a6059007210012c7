"""Reference clusterings: the methods that every run is set beside."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from moaplus.plan.runs import MODELS, Run, Selection

REFERENCE_METHODS = ("kmeans", "pca_gmm")


@dataclass(frozen=True)
class Reference:
    """Clusterings by scikit-learn of one selection into M clusters, for all seeds."""

    selection: Selection
    clusters: int
    seeds: tuple[int, ...]

    @property
    def path(self) -> Path:
        """npz of cluster numbers, uint8 (n,), under `{method}-seed{seed}-{split}`."""
        return MODELS / self.selection.name / "references" / f"M{self.clusters}" / "clusters.npz"


def references_of(runs: Iterable[Run]) -> list[Reference]:
    """The reference clusterings to set beside some runs: same images, clusters and seeds."""
    seeds: dict[tuple[Selection, int], set[int]] = {}
    for run in runs:
        seeds.setdefault((run.selection, run.experts), set()).add(run.seed)
    return [Reference(*key, tuple(sorted(value))) for key, value in seeds.items()]
