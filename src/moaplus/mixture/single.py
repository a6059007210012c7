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
    """Largest value of each 2×2 window, (n, c, h/2, w/2), and its pixel in x, for `unpool`.

    Of equal values the first counts. The gradients of torch's own pooling are not deterministic on
    a GPU; those of `gather` are. With channels last the search is five times faster on a CPU.
    """
    with torch.no_grad():
        last = x.contiguous(memory_format=torch.channels_last)
        pixels = F.max_pool2d(last, 2, return_indices=True)[1].contiguous()
    return x.flatten(2).gather(2, pixels.flatten(2)).view(pixels.shape), pixels


def unpool(x: Tensor, pixels: Tensor) -> Tensor:
    """Put each value back at its pixel, zeros elsewhere: (n, c, h, w) -> (n, c, 2h, 2w)."""
    n, c, h, w = x.shape
    zeros = x.new_zeros(n, c, 4 * h * w)
    return zeros.scatter(2, pixels.flatten(2), x.flatten(2)).view(n, c, 2 * h, 2 * w)


class Each(nn.ModuleList):
    """M autoencoders of their own, one after the other: (n, 28, 28) -> (M, n, 28, 28)."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([expert(images) for expert in self])
