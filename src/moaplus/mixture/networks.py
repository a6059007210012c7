"""The mixture of autoencoders: M experts, and a gate that says whose image it is.

Experts are convolutional autoencoders with a code of `latent` values. What else the decoder gets
to see makes the difference between the architectures, a file each in `architectures`; gates are in
`gates`.
"""

import importlib
from collections.abc import Collection

from torch import Tensor, nn

from moaplus.mixture.flat import Flat


class MixtureOfAutoencoders(nn.Module):
    """M experts and a gate: images -> every expert's reconstruction, and the gate's logits."""

    def __init__(
        self,
        experts: int,
        architecture: str,
        channels: tuple[int, int],
        latent: int,
        gate: str = "small",
    ):
        super().__init__()
        self.architecture = importlib.import_module(f"moaplus.mixture.architectures.{architecture}")
        self.gate_module = importlib.import_module(f"moaplus.mixture.gates.{gate}")
        self.count = experts
        self.experts = self.architecture.experts(experts, channels, latent)
        self.gate = self.gate_module.gate(experts, channels)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 28, 28) -> reconstructions (M, n, 28, 28) and logits (n, M)."""
        return self.experts(images), self.gate(images)

    def flat(self, views: Collection[str] = ()) -> Flat:
        """The same mixture for training.

        By the gate's own way if it has one, else by the architecture's fast path if it has one.

        Args:
            views: deformations, for a gate that sees views.
        """
        if hasattr(self.gate_module, "flat"):
            return self.gate_module.flat(self, views)
        return getattr(self.architecture, "flat", Flat)(self)
