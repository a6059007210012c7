"""A gate for vectors of features, whose heads are trained on views of them."""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from moaplus.mixture.view_training import HEADS, HeadedGate, TwoViews, normed

WIDTH = 128
VIEWS = ("noise", "dropout", "scale")
# Of views of standardised features, at strength 1.
NOISE = 1.0  # standard deviation
DROPPED = 0.3  # share of the features
SCALE = 0.5  # standard deviation of a factor's logarithm


def gate(experts: int, channels: tuple[int, int], shape: tuple[int, ...]) -> HeadedGate:
    """Return a gate: inputs (n, *shape), taken as features -> logits (n, M)."""
    trunk = nn.Sequential(
        nn.Flatten(),
        *normed(nn.Linear(math.prod(shape), WIDTH, bias=False), nn.BatchNorm1d(WIDTH)),
        *normed(nn.Linear(WIDTH, WIDTH, bias=False), nn.BatchNorm1d(WIDTH)),
    )
    return HeadedGate(trunk, WIDTH, experts, HEADS, random_views)


def random_views(
    inputs: Tensor, augmentations: Collection[str], strength: float = 1, noise: float = NOISE
) -> Tensor:
    """Make a random view of each input, (n, d), of the same shape.

    Args:
        inputs: standardised features.
        augmentations: of `VIEWS`: normal `noise`; `dropout`, features that become 0, their mean;
            `scale`, a factor on each feature.
        strength: of all of them, 1 or less.
        noise: its standard deviation at strength 1.
    """
    if "noise" in augmentations:
        inputs = inputs + strength * noise * torch.randn(inputs.shape).to(inputs)
    if "dropout" in augmentations:
        inputs = inputs * (torch.rand(inputs.shape) >= strength * DROPPED).to(inputs)
    if "scale" in augmentations:
        inputs = inputs * (strength * SCALE * torch.randn(inputs.shape)).exp().to(inputs)
    return inputs


flat = TwoViews
