"""The mixture of autoencoders: M experts, and a gate that says whose image it is.

Experts are convolutional autoencoders with a code of `latent` values. What else the decoder gets
to see makes the difference between the architectures, a file each in `architectures`.
"""

import importlib

from torch import Tensor, nn

from moaplus.mixture.flat import Flat
from moaplus.mixture.layers import SIDE


class Gate(nn.Sequential):
    """The convolutional gate network: (n, 28, 28) -> logits of the concentrations, (n, M)."""

    def __init__(self, experts: int, channels: tuple[int, int]):
        c1, c2 = channels
        super().__init__(
            nn.Unflatten(1, (1, SIDE)),
            nn.Conv2d(1, c1, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(c1, c2, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(7 * 7 * c2, experts),
        )


class MixtureOfAutoencoders(nn.Module):
    """M experts and a gate: images -> every expert's reconstruction, and the gate's logits."""

    def __init__(self, experts: int, architecture: str, channels: tuple[int, int], latent: int):
        super().__init__()
        self.architecture = importlib.import_module(f"moaplus.mixture.architectures.{architecture}")
        self.experts = self.architecture.experts(experts, channels, latent)
        self.gate = Gate(experts, channels)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 28, 28) -> reconstructions (M, n, 28, 28) and logits (n, M)."""
        return self.experts(images), self.gate(images)

    def flat(self) -> Flat:
        """The same mixture for training, by the architecture's own fast path if it has one."""
        return getattr(self.architecture, "flat", Flat)(self)
