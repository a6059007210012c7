"""Autoencoders of vectors of features; all M at once."""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from moaplus.mixture.layers import LEAK, ExpertLinear

WIDTH = 64


class Dense(nn.Module):
    """M autoencoders with a hidden layer on either side of the code: (n, …) -> (M, n, …)."""

    def __init__(self, experts: int, latent: int, shape: tuple[int, ...]):
        super().__init__()
        features = math.prod(shape)
        self.experts = experts
        self.encode = ExpertLinear(experts, features, WIDTH)
        self.code = ExpertLinear(experts, WIDTH, latent)
        self.decode = ExpertLinear(experts, latent, WIDTH)
        self.last = ExpertLinear(experts, WIDTH, features)

    def forward(self, inputs: Tensor) -> Tensor:
        h = inputs.flatten(1).expand(self.experts, -1, -1)
        h = self.code(F.leaky_relu(self.encode(h), LEAK))
        return self.last(F.leaky_relu(self.decode(h), LEAK)).view(-1, *inputs.shape)


def experts(
    count: int, channels: tuple[int, int], latent: int, shape: tuple[int, ...]
) -> nn.Module:
    """Return M of them: (n, *shape) -> (M, n, *shape)."""
    return Dense(count, latent, shape)
