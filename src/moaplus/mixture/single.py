"""Parts of autoencoders that are written one at a time, and M of those."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moaplus.mixture.layers import LEAK


class Code(nn.Sequential):
    """Feature maps (n, channels, 7, 7) through `latent` values and back."""

    def __init__(self, channels: int, latent: int):
        super().__init__(
            nn.Flatten(),
            nn.Linear(7 * 7 * channels, latent),
            nn.Linear(latent, 7 * 7 * channels),
            nn.LeakyReLU(LEAK),
            nn.Unflatten(1, (channels, 7, 7)),
        )


def max_pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """Largest value of each 2×2 window, (n, c, h/2, w/2), and the mask (n, c, h, w) of its place.

    torch's own max_pool2d and max_unpool2d are not deterministic on a GPU.
    """
    with torch.no_grad():
        _, places = F.max_pool2d(x, 2, return_indices=True)
        pixels = torch.arange(x.shape[2] * x.shape[3], device=x.device).view(x.shape[2:])
        mask = upsample(places) == pixels
    return (x * mask).unflatten(3, (-1, 2)).sum(4).unflatten(2, (-1, 2)).sum(3), mask


def unpool(x: Tensor, mask: Tensor) -> Tensor:
    """Put each value back where `mask` says, zeros elsewhere: (n, c, h, w) -> (n, c, 2h, 2w)."""
    return upsample(x) * mask


def upsample(x: Tensor) -> Tensor:
    """Each value as a 2×2 block: (n, c, h, w) -> (n, c, 2h, 2w)."""
    return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


class Each(nn.ModuleList):
    """M autoencoders of their own, one after the other: (n, 28, 28) -> (M, n, 28, 28)."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([expert(images) for expert in self])
