"""The gate of the published method: as deep as an expert's encoder."""

import math

from torch import nn

from moaplus.mixture.layers import SIDE


class SmallGate(nn.Sequential):
    """Two convolutions and a linear map: (n, *shape) -> logits of the concentrations, (n, M)."""

    def __init__(self, experts: int, channels: tuple[int, int], shape: tuple[int, ...]):
        (c1, c2), colours = channels, math.prod(shape) // SIDE**2
        super().__init__(
            nn.Unflatten(1, (1, SIDE)) if len(shape) == 2 else nn.Identity(),
            nn.Conv2d(colours, c1, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(c1, c2, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(7 * 7 * c2, experts),
        )


gate = SmallGate
