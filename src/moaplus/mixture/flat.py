"""A mixture whose weights lie in one vector: what the optimizer updates and a checkpoint holds."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moaplus.mixture.outcome import residual_products


class Flat:
    """A mixture for training: images -> what objectives need; a value -> its gradient.

    An architecture may bring a faster one of its own, with the same values (`fused`).

    Attributes:
        mixture: its parameters are views of `vector` from now on.
        vector: (parameters,), all weights, in the order of `mixture.named_parameters()`.
        done: share of the training that is done, when an epoch begins.
    """

    done = 0.0

    def __init__(self, mixture: nn.Module):
        self.mixture = mixture
        self.shapes = {name: weight.shape for name, weight in mixture.named_parameters()}
        weights = list(mixture.parameters())
        self.vector = torch.cat([weight.detach().flatten() for weight in weights])
        for weight, view in zip(weights, self.views(self.vector).values(), strict=True):
            weight.data = view
        self.leaves = weights

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """A vector of the size of the weights, as the weights' shapes, by name."""
        parts = vector.split([shape.numel() for shape in self.shapes.values()])
        return {
            name: part.view(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def prepare(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (n, 28, 28) as it takes them, made once a training."""
        return (images,)

    def __call__(self, inputs: tuple[Tensor, ...], batch: Tensor) -> tuple[Tensor, Tensor]:
        """Products of residuals, (n, M, M), and logits, (n, M), of some of the prepared images.

        Args:
            inputs: what `prepare` gave.
            batch: (n,), indices of images.
        """
        images = inputs[0][batch]
        reconstructions, logits = self.mixture(images)
        return residual_products(images, reconstructions), logits

    def batches(self, order: Tensor, size: int) -> Sequence[Tensor]:
        """An epoch's indices of images, in batches of `size`; the last one may be smaller."""
        return order.split(size)

    def gradient(self, value: Tensor) -> Tensor:
        """Of a value that was made of the last call, (parameters,); good until the next one."""
        gradients = torch.autograd.grad(value, self.leaves)
        return torch.cat([gradient.flatten() for gradient in gradients])

    def half_way(self, row: dict, *vectors: Tensor) -> None:
        """Half of the training is done.

        Args:
            row: of the history, of the last epoch.
            vectors: of the optimizer, in the order of the weights.
        """

    def finish(self, images: Tensor) -> None:
        """All of the training is done, on these images (n, 28, 28)."""
