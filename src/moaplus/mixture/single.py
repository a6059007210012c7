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


class ConvToOne(nn.Conv2d):
    """A 3×3 convolution to a single channel, (n, c, h, w) -> (n, 1, h, w).

    One product gives each pixel's part in all nine outputs that see it, and they are added up: on a
    CPU an order of magnitude faster than the library's convolution with so few outputs.
    """

    def __init__(self, channels: int):
        super().__init__(channels, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        taps = self.weight[0].flatten(1).flip(1).T.expand(len(x), -1, -1)
        parts = torch.bmm(taps, x.flatten(2))  # n, 9, h·w
        return F.fold(parts, x.shape[2:], 3, padding=1) + self.bias[:, None, None]


def max_pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """Largest value of each 2×2 window, (n, c, h/2, w/2), and its place, for `unpool`.

    The place is a mask (n, c, 4, h/2, w/2) over the window's pixels; of equal values the first
    counts. torch's own max_pool2d and max_unpool2d are not deterministic on a GPU.
    """
    windows = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))
    with torch.no_grad():
        mask = windows == windows.amax(dim=2, keepdim=True)
        for place in range(1, 4):
            mask[:, :, place] &= ~mask[:, :, :place].any(dim=2)
    return (windows * mask).sum(dim=2), mask


def unpool(x: Tensor, mask: Tensor) -> Tensor:
    """Put each value back where `mask` says, zeros elsewhere: (n, c, h, w) -> (n, c, 2h, 2w)."""
    return F.pixel_shuffle((x[:, :, None] * mask).flatten(1, 2), 2)


class Each(nn.ModuleList):
    """M autoencoders of their own, one after the other: (n, 28, 28) -> (M, n, 28, 28)."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([expert(images) for expert in self])
