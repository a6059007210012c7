"""The mixture of autoencoders: M experts, and a gate that says whose image it is.

Experts are convolutional autoencoders with a code of `latent` values. What else the decoder gets
to see makes the difference between the architectures, a file each in `architectures`; gates are in
`gates`.
"""

import importlib
from collections.abc import Collection
from types import ModuleType

from torch import Tensor, nn

from moaplus.mixture.flat import Flat
from moaplus.mixture.layers import SIDE


class MixtureOfAutoencoders(nn.Module):
    """M experts and a gate: images -> every expert's reconstruction, and the gate's logits.

    The shape of an image is (28, 28). Some architectures and gates take (colours, 28, 28) too, and
    `dense` experts and the gate `tabular` take any, as features.
    """

    def __init__(
        self,
        experts: int,
        architecture: str,
        channels: tuple[int, int],
        latent: int,
        gate: str = "small",
        shape: tuple[int, ...] = (SIDE, SIDE),
    ):
        super().__init__()
        self.kinds = f"architectures.{architecture}", f"gates.{gate}"
        self.count, self.shape = experts, shape
        architecture, gate = self._imported()
        self.experts = architecture.experts(experts, channels, latent, shape)
        self.gate = gate.gate(experts, channels, shape)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, *shape) -> reconstructions (M, n, *shape) and logits (n, M)."""
        return self.experts(images), self.gate(images)

    def flat(self, views: Collection[str] = ()) -> Flat:
        """The same mixture for training.

        By the gate's own way if it has one, else by the architecture's fast path if it has one.

        Args:
            views: deformations, for a gate that sees views.
        """
        architecture, gate = self._imported()
        if hasattr(gate, "flat"):
            return gate.flat(self, views)
        grey = self.shape == (SIDE, SIDE)
        return getattr(architecture, "flat", Flat)(self) if grey else Flat(self)

    def _imported(self) -> list[ModuleType]:
        """Of its architecture and its gate."""
        return [importlib.import_module(f"moaplus.mixture.{kind}") for kind in self.kinds]
