"""Training on two views of each image: what the bound with the Gram matrix across them needs."""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from moaplus.mixture.flat import Flat
from moaplus.mixture.history import HEAD_COLUMN
from moaplus.mixture.outcome import residual_products

WEAKER = 0.4  # strength of the views in the second half of training
DEAD = 0.1  # a component is dead if its mean concentration is below this share of 1/M
APART = 0.1  # how far a new component starts from the one it splits, in its weights' deviation
CHUNK = 1000  # images at a time when no gradient is needed


class TwoViews(Flat):
    """A mixture whose gate sees two views of each image of a batch, its experts some images.

    Each of the M experts sees n/M of a batch's n images, so that all together take the time of one.
    """

    def __init__(self, mixture: nn.Module, deformations: Collection[str]):
        super().__init__(mixture)
        self.deformations = deformations

    def prepare(self, images: Tensor) -> tuple[Tensor, ...]:
        self.images = images
        return super().prepare(images)

    def batches(self, order: Tensor, size: int) -> tuple[Tensor, ...]:
        """As many batches as usual, all as large: a small one would say little of Γ'.

        Until the experts' head is chosen, components that are dead on the first batch are replaced.
        """
        batches = order.tensor_split(math.ceil(len(order) / size))
        if self.done < 0.5:
            images = self.images[batches[0]]
            self._replace_dead(torch.cat([images, images]))  # batches of one cannot be normalised
        return batches

    def __call__(self, inputs: tuple[Tensor, ...], batch: Tensor) -> tuple[Tensor, ...]:
        """Of some of the batch's images products of residuals, and logits of their mean
        concentrations over both views; of all logits of both views, (2, heads, n, M).
        """
        if not self.mixture.training:
            return super().__call__(inputs, batch)
        images = inputs[0][batch]
        strength = 1 if self.done < 0.5 else WEAKER
        gate = self.mixture.gate
        views = gate.views(torch.cat([images, images]), self.deformations, strength)
        logits = gate.by_head(views).unflatten(1, (2, -1)).transpose(0, 1)
        seen = images[: math.ceil(len(images) / self.mixture.count)]
        products = residual_products(seen, self.mixture.experts(seen))
        first, second = logits[:, 0, : len(seen)].log_softmax(dim=2)
        return products, torch.logaddexp(first, second), logits

    @torch.no_grad()
    def half_way(self, row: dict, *vectors: Tensor) -> None:
        """Make the head with the least objective the first one, whose clusters experts get."""
        by_head = [value for key, value in row.items() if key.startswith(HEAD_COLUMN)]
        best = by_head.index(min(by_head)) if by_head else 0
        for vector in (self.vector, *vectors):
            for name in ("gate.heads.weight", "gate.heads.bias"):
                heads = self.views(vector)[name].unflatten(0, (-1, self.mixture.count))
                heads[[0, best]] = heads[[best, 0]]

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
        for head, dead in (loads < DEAD / components).nonzero().tolist():
            largest = loads[head].argmax()
            whole = weight[head, largest]
            noise = torch.randn(len(whole)).to(whole)
            weight[head, dead] = whole + APART * whole.std() * noise
            bias[head, dead] = bias[head, largest]
            loads[head, largest] /= 2
            loads[head, dead] = loads[head, largest]

    @torch.no_grad()
    def finish(self, images: Tensor) -> None:
        """Normalise by the images themselves, not by views of them."""
        update_bn(images.split(CHUNK), self.mixture.gate)
