"""A gate for vectors of features, whose heads are trained on views of them."""

import math
from collections.abc import Collection

import torch
from torch import Tensor, nn

from moaplus.mixture.view_training import HEADS, HeadedGate, TwoViews, normed

WIDTH = 128
VIEWS = ("noise",)
NOISE = 0.3  # standard deviation of what views of standardised features add, at strength 1


def gate(experts: int, channels: tuple[int, int], shape: tuple[int, ...]) -> HeadedGate:
    """Inputs (n, *shape), taken as features -> logits of the concentrations, (n, M)."""
    trunk = nn.Sequential(
        nn.Flatten(),
        *normed(nn.Linear(math.prod(shape), WIDTH, bias=False), nn.BatchNorm1d(WIDTH)),
        *normed(nn.Linear(WIDTH, WIDTH, bias=False), nn.BatchNorm1d(WIDTH)),
    )
    return HeadedGate(trunk, WIDTH, experts, HEADS, noisy)


def noisy(inputs: Tensor, deformations: Collection[str], strength: float) -> Tensor:
    """The inputs with normal noise added, if that is among the deformations."""
    if "noise" not in deformations:
        return inputs
    return inputs + strength * NOISE * torch.randn(inputs.shape).to(inputs)


flat = TwoViews
