"""A gate for vectors of features, whose heads are trained on views of them."""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from moaplus.mixture.view_training import HEADS, HeadedGate, TwoViews, normed

WIDTH = 128
VIEWS = ("noise",)
NOISE = 1.0  # standard deviation of the noise in views of standardised features, at strength 1


def gate(experts: int, channels: tuple[int, int], shape: tuple[int, ...]) -> HeadedGate:
    """Return a gate: inputs (n, *shape), taken as features -> logits (n, M)."""
    trunk = nn.Sequential(
        nn.Flatten(),
        *normed(nn.Linear(math.prod(shape), WIDTH, bias=False), nn.BatchNorm1d(WIDTH)),
        *normed(nn.Linear(WIDTH, WIDTH, bias=False), nn.BatchNorm1d(WIDTH)),
    )
    return HeadedGate(trunk, WIDTH, experts, HEADS, noisy)


def noisy(inputs: Tensor, augmentations: Collection[str], strength: float) -> Tensor:
    """Add normal noise to the inputs, if it is among the augmentations."""
    if "noise" not in augmentations:
        return inputs
    return inputs + strength * NOISE * torch.randn(inputs.shape).to(inputs)


flat = TwoViews
