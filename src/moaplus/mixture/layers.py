"""Layers of M experts at once, whose weights have a leading axis of length M; layers of one expert.

All experts of a mixture have the same shape, so one batched matrix product serves them all.
Architectures that are written for one expert are stacked by `Each`.
"""

import functools
import math
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 28  # of an image, in pixels
LEAK = 0.2  # of the leaky ReLUs, as in DCGAN (Radford et al. 2016): plain ones die in the decoder


@functools.cache
def spread(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return which taps of a 2×2 kernel link a 2×2 block and its 4×4 cell: (4, 16 · 4).

    An entry is 1 where a pixel of the cell comes from a place of the block through a tap.
    """
    meets = torch.zeros(2, 2, 4, 4, 2, 2)
    for row, column, y, x in product(range(2), repeat=4):
        meets[y, x, 2 * row + y, 2 * column + x, row, column] = 1
    return meets.view(4, -1).to(device, dtype)


class ExpertLinear(nn.Module):
    """M independent linear maps: (M, n, inputs) -> (M, n, outputs)."""

    def __init__(self, experts: int, inputs: int, outputs: int):
        super().__init__()
        bound = 1 / math.sqrt(inputs)  # as in nn.Linear and nn.Conv2d
        self.weight = nn.Parameter(torch.empty(experts, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(experts, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class ExpertUpConv(ExpertLinear):
    """M independent 2×2 up-convolutions of stride 2: (M, n, inputs) -> (M, n, 2·2·outputs).

    Where the stride is the width, each pixel becomes a 2×2 block of its own, so the map is linear
    in the channels; rows of the block come before columns, columns before output channels.
    """

    def __init__(self, experts: int, inputs: int, outputs: int):
        super().__init__(experts, inputs, 2 * 2 * outputs)
        self.bias = nn.Parameter(self.bias[:, :, :outputs].detach().clone())  # one per channel

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias.repeat(1, 1, 2 * 2), x, self.weight)

    def on_blocks(self, x: Tensor) -> Tensor:
        """Map 2×2 blocks of pixels, (M, n, 2·2·inputs) -> (M, n, outputs·4·4).

        Each output channel is in raster order. One product with a sparse weight takes half the
        time of four small ones and a reordering of single pixels.
        """
        M, inputs, _ = self.weight.shape
        weight = self.weight.view(M, inputs, 2 * 2, -1).transpose(2, 3).reshape(M, -1, 2 * 2)
        large = (weight @ spread(x.device, x.dtype)).view(M, inputs, -1, 2 * 2)
        large = large.permute(0, 3, 1, 2).reshape(M, 2 * 2 * inputs, -1)
        return torch.baddbmm(self.bias.repeat_interleave(4 * 4, dim=2), x, large)


class ExpertConv(nn.Module):
    """M independent 3×3 convolutions of stride 2.

    (M, n, h, w, inputs) -> (M, n, h/2, w/2, outputs). A loop: on a CPU, grouped convolutions are
    slower.
    """

    def __init__(self, experts: int, inputs: int, outputs: int):
        super().__init__()
        bound = 1 / math.sqrt(9 * inputs)
        shape = (experts, outputs, inputs, 3, 3)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(experts, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        channels_first = x.permute(0, 1, 4, 2, 3)
        experts = zip(channels_first, self.weight, self.bias, strict=True)
        outputs = [F.conv2d(h, weight, bias, stride=2, padding=1) for h, weight, bias in experts]
        return torch.stack([output.permute(0, 2, 3, 1) for output in outputs])


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
    """Return the largest value of each 2×2 window of x, (n, c, h/2, w/2), and its pixel in x.

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
