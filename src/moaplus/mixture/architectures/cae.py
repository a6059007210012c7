"""Convolutional autoencoders whose decoders see nothing but the code; all M at once."""

import functools
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moaplus.mixture.gates.small import SmallGate
from moaplus.mixture.layers import LEAK, SIDE, ExpertConv, ExpertLinear, ExpertUpConv
from moaplus.mixture.networks import Flat


class CAE(nn.Module):
    """M convolutional autoencoders: (n, *shape) -> (M, n, *shape), values in (0, 1).

    The shape is (28, 28), or (colours, 28, 28).

    Encoder: two 3×3 convolutions of stride 2 and a linear map to the code. Decoder: a linear map
    and two 2×2 up-convolutions of stride 2, as in U-Net (Ronneberger et al. 2015).
    """

    def __init__(
        self,
        experts: int,
        channels: tuple[int, int],
        latent: int,
        shape: tuple[int, ...] = (SIDE, SIDE),
    ):
        super().__init__()
        self.experts, self.shape = experts, shape
        colours = math.prod(shape) // SIDE**2
        c1, c2 = self.channels = channels
        self.conv1 = ExpertLinear(experts, 3 * 3 * colours, c1)  # on 3×3 patches
        self.conv2 = ExpertConv(experts, c1, c2)
        self.encode = ExpertLinear(experts, 7 * 7 * c2, latent)
        self.decode = ExpertLinear(experts, latent, 7 * 7 * c2)
        self.up1 = ExpertUpConv(experts, c2, c1)
        self.up2 = ExpertUpConv(experts, c1, colours)

    def forward(self, images: Tensor) -> Tensor:
        (M, n), (c1, c2) = (self.experts, len(images)), self.channels
        h = F.leaky_relu(self.decode(self.codes(images)), LEAK).view(M, n * 7 * 7, c2)
        h = F.leaky_relu(self.up1(h), LEAK).view(M, n * 7 * 7, 2 * 2 * c1)
        cells = self.up2.on_blocks(h).sigmoid().view(M, n, 7, 7, -1, 4, 4)
        return cells.permute(0, 1, 4, 2, 5, 3, 6).reshape(M, n, *self.shape)

    def codes(self, images: Tensor) -> Tensor:
        """Encode images (n, *shape) as codes (M, n, latent)."""
        (M, n), (c1, c2) = (self.experts, len(images)), self.channels
        images = images.reshape(n, -1, SIDE, SIDE)
        patches = F.unfold(images, 3, padding=1, stride=2)  # n, 9·colours, 14·14
        patches = patches.transpose(1, 2).reshape(1, n * 14 * 14, -1).expand(M, -1, -1)
        h = F.leaky_relu(self.conv1(patches), LEAK).view(M, n, 14, 14, c1)
        h = F.leaky_relu(self.conv2(h), LEAK).reshape(M, n, 7 * 7 * c2)
        return self.encode(h)


def flat(mixture: nn.Module) -> Flat:
    """Return the form for training: with compiled loops where they apply, else the modules."""
    c1, c2 = mixture.experts.channels
    weight = next(mixture.parameters())
    applies = weight.is_cpu and weight.dtype == torch.float32 and c1 % 4 == 0 and c2 % 8 == 0
    if applies and isinstance(mixture.gate, SmallGate) and is_compiled():
        from moaplus.mixture.fused import FusedCAE

        return FusedCAE(mixture)
    return Flat(mixture)


@functools.cache
def is_compiled() -> bool:
    """Return whether the loops compile here and compute what the modules do; if not, say why."""
    try:
        from moaplus.mixture.fused import check

        check()
    except Exception as error:  # of numba, LLVM, the file system, …
        reason = " ".join(str(error).split())[:200]
        cache = Path(__file__).parents[1] / "__pycache__"
        print(
            f"training without compiled loops, at a third of the speed: {reason}; if it is their "
            f"cache, delete {cache}",
            file=sys.stderr,
        )
        return False
    return True


experts = CAE
