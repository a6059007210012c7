"""A gate of several heads on one trunk, trained on views of its inputs."""

from collections.abc import Collection
from typing import Protocol

from torch import Tensor, nn

HEADS = 5


class Views(Protocol):
    """Makes a random view of each input: (n, …), names of deformations, strength -> (n, …)."""

    def __call__(
        self, inputs: Tensor, deformations: Collection[str], strength: float
    ) -> Tensor: ...


class HeadedGate(nn.Module):
    """Inputs (n, …) -> logits of the concentrations by the first head, (n, M).

    Heads that start from other weights end in other optima, and their objectives tell which is the
    best, without labels: so one training tries several at the cost of little more than one.

    Attributes:
        trunk: inputs -> features, (n, features).
        heads: features -> logits of all heads, side by side.
        views: how views are made.
    """

    def __init__(self, trunk: nn.Module, features: int, experts: int, heads: int, views: Views):
        super().__init__()
        self.experts, self.count = experts, heads
        self.trunk, self.views = trunk, views
        self.heads = nn.Linear(features, heads * experts)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.by_head(inputs)[0]

    def by_head(self, inputs: Tensor) -> Tensor:
        """Logits of every head, (heads, n, M)."""
        logits = self.heads(self.trunk(inputs))
        return logits.unflatten(1, (self.count, self.experts)).transpose(0, 1)


def normed(layer: nn.Module, norm: nn.Module) -> tuple[nn.Module, ...]:
    """A layer without bias, batch normalisation, ReLU."""
    return layer, norm, nn.ReLU(inplace=True)
