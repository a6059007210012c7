"""The map between a user's images or features and a mixture's inputs."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from moaplus.mixture.layers import SIDE

BULK = (0.001, 0.999)  # quantiles between which the bulk of all pixels lies
FENCE = 10  # interquartile ranges beyond the quartiles of a feature, from where values are cut off
SAMPLE = 2**22  # pixels of which quantiles are taken
OUTSIDE = 0.01  # share of the values of new inputs that may lie far outside
TINY = np.finfo(float).tiny  # the least width that has an inverse
NARROW = 0.05  # share of the fitted range that new images have to span


@dataclass(frozen=True)
class Scale:
    """An affine map, and a resizing of images: from a user's inputs to a mixture's, and back.

    Attributes:
        shape: of a user's input.
        offset, factor: of all pixels, or of each feature: seen = (input - offset) · factor.
        low, high: ends of the range of all pixels, or of each feature; values beyond are cut off.
    """

    shape: tuple[int, ...]
    offset: np.ndarray
    factor: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray) -> Self:
        """Return the scale that maps pixels (n, h, w, …) to [0, 1] or standardises features (n, d).

        A few extreme values do not count. Pixels or a feature that are all the same become 0.
        """
        low, high = _pixel_range(X) if X.ndim > 2 else _feature_range(X)
        if X.ndim > 2:
            offset, width = low, high - low
        else:
            size = np.maximum(np.maximum(abs(low), abs(high)), TINY)
            values = np.clip(np.float64(X), low, high) / size  # a square may overflow
            offset = values.mean(axis=0) * size
            width = np.where(high > low, values.std(axis=0), 0) * size
        factor = 1 / np.where(width > TINY, width, 1)
        return cls(X.shape[1:], *map(np.asarray, (offset, factor, low, high)))

    @property
    def seen(self) -> tuple[int, ...]:
        """Return the shape of a mixture's input: images have 28×28 pixels, colours first."""
        images = {2: (SIDE, SIDE), 3: (self.shape[-1], SIDE, SIDE)}
        return images.get(len(self.shape), self.shape)

    def forward(self, X: np.ndarray) -> Tensor:
        """Map inputs (n, *shape) to the mixture's, (n, *seen), float32."""
        scaled = (np.clip(np.float64(X), self.low, self.high) - self.offset) * self.factor
        inputs = torch.from_numpy(np.float32(scaled))
        if inputs.ndim == 2:
            return inputs
        images = inputs[:, None] if inputs.ndim == 3 else inputs.permute(0, 3, 1, 2)
        images = _resized(images, (SIDE, SIDE))
        return images.reshape(-1, *self.seen).contiguous()

    def backward(self, seen: Tensor) -> np.ndarray:
        """Map the mixture's inputs or reconstructions (n, *seen) back to (n, *shape), float64."""
        if len(self.shape) > 1:
            images = _resized(seen.reshape(len(seen), -1, SIDE, SIDE), self.shape[:2])
            seen = images[:, 0] if len(self.shape) == 2 else images.permute(0, 2, 3, 1)
        return seen.double().numpy() / self.factor + self.offset

    def strangeness(self, X: np.ndarray) -> str:
        """Return why inputs (n, *shape) cannot be of the kind that it was made of, or nothing."""
        width = self.high - self.low
        if not len(X) or not np.all(np.isfinite(width)):
            return ""
        sample = _rows(X)
        far = np.mean((sample < self.low - width) | (sample > self.high + width))
        if far > OUTSIDE:
            return f"{far:.0%} of their values lie far outside of"
        if X.ndim > 2 and len(X) > 1 and np.ptp(sample) < NARROW * width:
            return "their values span next to nothing of"
        return ""


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


class Resampled:
    """Inputs drawn in proportion to weights, anew each time that they are asked for.

    Of n indices each is a stratum of the weights' sum (stratified resampling): in an epoch, an
    input of twice the mean weight is seen twice, or else once or three times.
    """

    device = torch.device("cpu")  # of indices

    def __init__(self, inputs: Seen, weights: np.ndarray):
        self.inputs = inputs
        self.ends = torch.from_numpy(np.cumsum(weights / weights.sum()))

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.index_select(0, torch.arange(len(self))[rows])

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """Return inputs for these indices, (n,); `dim` is 0."""
        places = (index + torch.rand(len(index), dtype=torch.float64)) / len(self)
        drawn = torch.searchsorted(self.ends, places).clamp(max=len(self) - 1)
        return self.inputs.index_select(dim, drawn)


def _pixel_range(X: np.ndarray) -> tuple[np.float64, np.float64]:
    """Return the least and the largest pixel; those of the bulk where the extremes are far off.

    Far is farther from the bulk than the bulk is wide.
    """
    low, high = np.float64(X.min()), np.float64(X.max())
    bulk_low, bulk_high = np.quantile(_rows(X), BULK)
    width = bulk_high - bulk_low
    if width > 0:
        low = low if low >= bulk_low - width else bulk_low
        high = high if high <= bulk_high + width else bulk_high
    return low, high


def _feature_range(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest value of each feature within its fences.

    Fences stand far beyond the quartiles; where these are equal, as in a sparse feature, beyond
    the quartiles of the other values.
    """
    X = np.float64(X)
    first, third = np.quantile(X, (0.25, 0.75), axis=0)
    for column in np.flatnonzero(first == third):
        others = X[X[:, column] != first[column], column]
        ends = np.quantile(others, (0.25, 0.75)) if len(others) else ()
        first[column], *_, third[column] = sorted([first[column], third[column], *ends])
    reach = FENCE * (third - first)
    return np.maximum(X.min(axis=0), first - reach), np.minimum(X.max(axis=0), third + reach)


def _rows(X: np.ndarray) -> np.ndarray:
    """Return inputs in float64; of many images some, evenly spaced."""
    step = max(1, X.size // SAMPLE) if X.ndim > 2 else 1
    return np.float64(X[::step])


def _resized(images: Tensor, sides: tuple[int, int]) -> Tensor:
    if images.shape[2:] == sides:
        return images
    return F.interpolate(images, sides, mode="bilinear", antialias=True)
