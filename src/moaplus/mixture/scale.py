"""The map between a user's images or features and a mixture's inputs."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from moaplus.mixture.layers import SIDE


@dataclass(frozen=True)
class Scale:
    """An affine map, and a resizing of images: from a user's inputs to a mixture's, and back.

    Attributes:
        shape: of a user's input.
        offset, factor: of all pixels, or of each feature: seen = (input - offset) · factor.
    """

    shape: tuple[int, ...]
    offset: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray) -> Self:
        """Return the scale that maps pixels (n, h, w, …) to [0, 1] or standardises features (n, d).

        Raises:
            ValueError: if all pixels are the same.
        """
        if X.ndim > 2:
            low, high = X.min(), X.max()
            if low == high:
                raise ValueError(f"all pixels are {low}: there is nothing to cluster")
            offset, factor = np.array(low), np.array(1 / (float(high) - float(low)))
        else:
            deviations = X.std(axis=0)
            offset = X.mean(axis=0)
            factor = 1 / np.where(deviations > 0, deviations, 1)
        return cls(X.shape[1:], *(np.asarray(value, np.float32) for value in (offset, factor)))

    @property
    def seen(self) -> tuple[int, ...]:
        """Return the shape of a mixture's input: images have 28×28 pixels, colours first."""
        images = {2: (SIDE, SIDE), 3: (self.shape[-1], SIDE, SIDE)}
        return images.get(len(self.shape), self.shape)

    def forward(self, X: np.ndarray) -> Tensor:
        """Map inputs (n, *shape) to the mixture's, (n, *seen), float32."""
        inputs = torch.from_numpy((np.float32(X) - self.offset) * self.factor)
        if inputs.ndim == 2:
            return inputs
        images = inputs[:, None] if inputs.ndim == 3 else inputs.permute(0, 3, 1, 2)
        images = _resized(images, (SIDE, SIDE))
        return images.reshape(-1, *self.seen).contiguous()

    def backward(self, seen: Tensor) -> np.ndarray:
        """Map the mixture's inputs or reconstructions (n, *seen) back to (n, *shape)."""
        if len(self.shape) > 1:
            images = _resized(seen.reshape(len(seen), -1, SIDE, SIDE), self.shape[:2])
            seen = images[:, 0] if len(self.shape) == 2 else images.permute(0, 2, 3, 1)
        return seen.numpy() / self.factor + self.offset


class Seen:
    """A user's inputs as a mixture on a device sees them, each batch made when it is asked for.

    So they are in memory once, in the user's type, or on disk if they are mapped from there.
    """

    device = torch.device("cpu")  # of indices

    def __init__(self, X: np.ndarray, scale: Scale, device: str = "cpu"):
        self.X, self.scale, self.target = X, scale, device

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.scale.forward(self.X[rows]).to(self.target)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """Return the inputs of these indices, (n,); `dim` is 0."""
        return self.scale.forward(self.X.take(index.numpy(), axis=dim)).to(self.target)


def _resized(images: Tensor, sides: tuple[int, int]) -> Tensor:
    if images.shape[2:] == sides:
        return images
    return F.interpolate(images, sides, mode="bilinear", antialias=True)
