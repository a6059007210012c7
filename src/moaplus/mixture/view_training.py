"""A gate of several heads, and its training on two views of each input.

The objectives with the Gram matrix across two views, such as `moa_plus_views`, need it.
"""

import functools
import math
from collections.abc import Collection
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from moaplus.mixture.networks import Flat, Images
from moaplus.mixture.outcome import residual_products

HEADS = 5
LATE_STRENGTH = 0.4  # of the views in the second half of training
DEAD_SHARE = 0.1  # of 1/M
SPLIT_NOISE = 0.1  # of a new component, in standard deviations of the weights that it splits
CHUNK = 1000  # images at a time when no gradient is needed


class Views(Protocol):
    """A function that makes a random view of each input, (n, …) -> (n, …)."""

    def __call__(
        self, inputs: Tensor, augmentations: Collection[str], strength: float
    ) -> Tensor: ...


class HeadedGate(nn.Module):
    """A gate with several heads: inputs (n, …) -> logits by the first head, (n, M).

    Heads with other initial weights end in other optima, and their objectives tell which is the
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
        """Compute the logits by every head, (heads, n, M)."""
        logits = self.heads(self.trunk(inputs))
        return logits.unflatten(1, (self.count, self.experts)).transpose(0, 1)


def normed(layer: nn.Module, norm: nn.Module) -> tuple[nn.Module, ...]:
    """Return a layer without bias, batch normalisation, and a ReLU."""
    return layer, norm, nn.ReLU(inplace=True)


class TwoViews(Flat):
    """A mixture in training whose gate sees two views of each image, its experts some images.

    Each of the M experts sees n/M of a batch's n images, so that all together take the time of one.

    Attributes:
        view: makes a random view of each image, (n, …) -> (n, …), of some strength.
        strength: of the views.
        dead_share: a component is dead if its mean concentration is below this share of 1/M.
    """

    def __init__(self, mixture: nn.Module, augmentations: Collection[str]):
        super().__init__(mixture)
        self.view = functools.partial(mixture.gate.views, augmentations=augmentations)
        self.strength = 1.0
        self.dead_share = DEAD_SHARE

    def batches(self, order: Tensor, size: int) -> tuple[Tensor, ...]:
        """Split as many batches as usual, all of one size: a small one estimates Γ' badly."""
        return order.tensor_split(math.ceil(len(order) / size))

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute, of n images, products of residuals, logits, and logits of views.

        The products, (m, M, M), and logits, (m, M), are those of the m images that experts see;
        the logits are of the mean concentrations over both views. Those of views are
        (2, heads, n, M). In evaluation mode there are no views.
        """
        if not self.mixture.training:
            return super().__call__(images)
        twice = torch.cat([images, images])
        views = self.view(twice, strength=self.strength)
        seen = images[: math.ceil(len(images) / self.mixture.count)]
        return self.graphs(self._on_views, views, seen)

    def _on_views(self, views: Tensor, seen: Tensor) -> tuple[Tensor, ...]:
        logits = self.mixture.gate.by_head(views).unflatten(1, (2, -1)).transpose(0, 1)
        products = residual_products(seen, self.mixture.experts(seen))
        first, second = logits[:, 0, : len(seen)].log_softmax(dim=2)
        return products, torch.logaddexp(first, second), logits

    def on_epoch_start(self, progress: float, images: Tensor) -> None:
        """Replace dead components in the first half of training; make weaker views in the second.

        The images (n, *shape) decide which components are dead.
        """
        if progress < 0.5:
            self._replace_dead(torch.cat([images, images]))  # batches of one cannot be normalised
        self.strength = 1.0 if progress < 0.5 else LATE_STRENGTH

    @torch.no_grad()
    def on_midpoint(self, by_head: Tensor, *vectors: Tensor) -> None:
        """Make the head with the least objective the first one, whose clusters experts get."""
        best = int(by_head.argmin())
        for vector in (self.vector, *vectors):
            for name in ("gate.heads.weight", "gate.heads.bias"):
                heads = self.views(vector)[name].unflatten(0, (-1, self.mixture.count))
                heads[[0, best]] = heads[[best, 0]]

    @torch.no_grad()
    def on_training_end(self, images: Images) -> None:
        """Take the batch norms' statistics from the images, (n, *shape), not from their views."""
        starts = range(0, len(images), CHUNK)
        update_bn((images[start : start + CHUNK] for start in starts), self.mixture.gate)

    @torch.no_grad()
    def _replace_dead(self, images: Tensor) -> None:
        """Split the largest component of a head where another is dead, which takes half of it.

        A dead component has next to no gradient, so it would stay dead (the same cure in k-means:
        empty clusters are moved).
        """
        heads, components = self.mixture.gate.count, self.mixture.count
        loads = self.mixture.gate.by_head(images).softmax(dim=2).mean(dim=1)
        weight = self.mixture.gate.heads.weight.unflatten(0, (heads, components))
        bias = self.mixture.gate.heads.bias.unflatten(0, (heads, components))
        for head, dead in (loads < self.dead_share / components).nonzero().tolist():
            largest = loads[head].argmax()
            whole = weight[head, largest]
            noise = torch.randn(len(whole)).to(whole)
            weight[head, dead] = whole + SPLIT_NOISE * whole.std() * noise
            bias[head, dead] = bias[head, largest]
            loads[head, largest] /= 2
            loads[head, dead] = loads[head, largest]
