"""The mixture of autoencoders: M experts and a gate, and the same in the form that is trained.

Experts are autoencoders with a code of `latent` values. What else their decoders see distinguishes
the architectures, a file each in `architectures`; gates are in `gates`.
"""

import importlib
from collections.abc import Collection, Sequence
from types import ModuleType
from typing import Protocol

import torch
from torch import Tensor, nn

from moaplus.mixture.graphs import Graphs
from moaplus.mixture.layers import SIDE
from moaplus.mixture.outcome import residual_products


class Images(Protocol):
    """Images that are taken as from a tensor (n, *shape), but need not be one.

    `index_select`, with dim 0, is three times as fast as indexing by a tensor.
    """

    device: torch.device  # of the indices that it takes

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> Tensor: ...

    def index_select(self, dim: int, index: Tensor) -> Tensor: ...


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
        """Map images (n, *shape) to reconstructions (M, n, *shape) and logits (n, M)."""
        return self.experts(images), self.gate(images)

    def flat(self, views: Collection[str] = ()) -> "Flat":
        """Return the same mixture for training.

        It is the gate's own form if it has one, else the architecture's fast one if it has one.

        Args:
            views: augmentations, for a gate that is trained on views.
        """
        architecture, gate = self._imported()
        if hasattr(gate, "flat"):
            return gate.flat(self, views)
        grey = self.shape == (SIDE, SIDE)
        return getattr(architecture, "flat", Flat)(self) if grey else Flat(self)

    def _imported(self) -> list[ModuleType]:
        """Import the modules of its architecture and its gate."""
        return [importlib.import_module(f"moaplus.mixture.{kind}") for kind in self.kinds]


class Flat:
    """A mixture for training: its weights lie in one vector, which the optimizer updates.

    It computes the tensors of an `Outcome`, and the gradient of a value of them. An architecture
    may bring a faster form with the same values (`fused`), a gate one with hooks (`view_training`).

    Attributes:
        mixture: its parameters are views of `vector` from now on.
        vector: (parameters,), all weights, in the order of `mixture.named_parameters()`.
        compiler: of the training step, with its version; None if the step is torch's alone.
    """

    compiler: str | None = None

    def __init__(self, mixture: nn.Module):
        self.mixture = mixture
        self.shapes = {name: weight.shape for name, weight in mixture.named_parameters()}
        weights = list(mixture.parameters())
        self.vector = torch.cat([weight.detach().flatten() for weight in weights])
        for weight, view in zip(weights, self.views(self.vector).values(), strict=True):
            weight.data = view
        self.leaves = weights
        self.graphs = Graphs(mixture)

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """Split a vector (parameters,) into views with the weights' names and shapes."""
        parts = vector.split([shape.numel() for shape in self.shapes.values()])
        return {
            name: part.view(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def batches(self, order: Tensor, size: int) -> Sequence[Tensor]:
        """Split an epoch's indices (n,) into batches of `size`; the last one may be smaller."""
        return order.split(size)

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute products of residuals, (n, M, M), and logits, (n, M), of images (n, *shape)."""
        return self.graphs(self._on_images, images)

    def _on_images(self, images: Tensor) -> tuple[Tensor, ...]:
        reconstructions, logits = self.mixture(images)
        return residual_products(images, reconstructions), logits

    def gradient(self, value: Tensor) -> Tensor:
        """Compute the gradient (parameters,) of a value made of the last call's results.

        It may be overwritten by the next call.
        """
        unused = {"allow_unused": True, "materialize_grads": True}  # as the gate's in pre-training
        gradients = torch.autograd.grad(value, self.leaves, **unused)
        return torch.cat([gradient.flatten() for gradient in gradients])

    def on_epoch_start(self, progress: float, images: Tensor) -> None:
        """Do what an epoch needs before its first step.

        Args:
            progress: share of the training that is done, from 0 to below 1.
            images: (n, *shape), those of the first batch.
        """

    def on_midpoint(self, by_head: Tensor, *vectors: Tensor) -> None:
        """Do what is needed once half of the epochs are done.

        Args:
            by_head: (heads,), mean objective of the last epoch by each head of the gate.
            vectors: (parameters,) each, the optimizer's moments.
        """

    def on_training_end(self, images: Images) -> None:
        """Do what is needed after the last epoch on these images, (n, *shape)."""
