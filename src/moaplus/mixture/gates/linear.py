"""A linear gate: a logistic regression from pixels to experts."""

import math

from torch import nn


class LinearGate(nn.Sequential):
    """A linear map: (n, *shape) -> logits of the concentrations, (n, M)."""

    def __init__(self, experts: int, channels: tuple[int, int], shape: tuple[int, ...]):
        super().__init__(nn.Flatten(), nn.Linear(math.prod(shape), experts))


gate = LinearGate
