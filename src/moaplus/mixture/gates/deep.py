"""A deeper gate for images, whose heads are trained on views of them."""

import math

import torch
from torch import Tensor, nn

from moaplus.mixture.layers import SIDE
from moaplus.mixture.view_training import HEADS, HeadedGate, TwoViews, normed
from moaplus.mixture.views import random_views

CHANNELS = (16, 32, 64)  # of three convolutions of stride 2
FEATURES = 128
VIEWS = (  # the augmentations that may be chosen
    "affine",
    "elastic",
    "thickness",
    "flip",
    "rotation",
    "crop",
    "colour",
    "brightness",
    "contrast",
    "noise",
    "erase",
)


class FirstConv(nn.Conv2d):
    """A convolution whose feature maps lie with channels last on a CPU, so that those after do.

    There what follows is faster so, batch normalisation by half.
    """

    def forward(self, input: Tensor) -> Tensor:
        maps = super().forward(input)
        return maps if maps.is_cuda else maps.contiguous(memory_format=torch.channels_last)


class FlatMaps(nn.Flatten):
    """Feature maps as vectors, whose gradient lies as they do: a ReLU is slow on two orders."""

    def forward(self, input: Tensor) -> Tensor:
        last = torch.channels_last
        if input.requires_grad and input.is_contiguous(memory_format=last):
            input.register_hook(lambda gradient: gradient.contiguous(memory_format=last))
        return super().forward(input)


def gate(
    experts: int, channels: tuple[int, int], shape: tuple[int, ...], heads: int = HEADS
) -> HeadedGate:
    """Return a gate: images (n, *shape) -> logits (n, M)."""
    c1, c2, c3 = CHANNELS
    colours, side = math.prod(shape) // SIDE**2, -(-SIDE // 8)
    trunk = nn.Sequential(
        nn.Flatten(),
        nn.Unflatten(1, (colours, SIDE, SIDE)),
        *normed(FirstConv(colours, c1, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(c1)),
        *normed(nn.Conv2d(c1, c2, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c2)),
        *normed(nn.Conv2d(c2, c3, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c3)),
        FlatMaps(),
        *normed(nn.Linear(side * side * c3, FEATURES, bias=False), nn.BatchNorm1d(FEATURES)),
    )
    return HeadedGate(trunk, FEATURES, experts, heads, random_views)


flat = TwoViews
