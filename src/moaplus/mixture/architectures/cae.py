"""Convolutional autoencoders whose decoders see nothing but the code; all M at once."""

import torch.nn.functional as F
from torch import Tensor, nn

from moaplus.mixture.fused import FusedCAE
from moaplus.mixture.layers import LEAK, SIDE, ExpertConv, ExpertLinear, ExpertUpConv


class CAE(nn.Module):
    """M convolutional autoencoders: (n, 28, 28) -> (M, n, 28, 28), values in (0, 1).

    Encoder: two 3×3 convolutions of stride 2 and a linear map to the code. Decoder: a linear map
    and two 2×2 up-convolutions of stride 2, as in U-Net (Ronneberger et al. 2015).
    """

    def __init__(self, experts: int, channels: tuple[int, int], latent: int):
        super().__init__()
        self.experts = experts
        c1, c2 = self.channels = channels
        self.conv1 = ExpertLinear(experts, 3 * 3, c1)  # on 3×3 patches: one input channel
        self.conv2 = ExpertConv(experts, c1, c2)
        self.encode = ExpertLinear(experts, 7 * 7 * c2, latent)
        self.decode = ExpertLinear(experts, latent, 7 * 7 * c2)
        self.up1 = ExpertUpConv(experts, c2, c1)
        self.up2 = ExpertUpConv(experts, c1, 1)

    def forward(self, images: Tensor) -> Tensor:
        (M, n), (c1, c2) = (self.experts, len(images)), self.channels
        h = F.leaky_relu(self.decode(self.codes(images)), LEAK).view(M, n * 7 * 7, c2)
        h = F.leaky_relu(self.up1(h), LEAK).view(M, n * 7 * 7, 2 * 2 * c1)
        cells = self.up2.on_blocks(h).sigmoid().view(M, n, 7, 7, 4, 4)
        return cells.transpose(3, 4).reshape(M, n, SIDE, SIDE)

    def codes(self, images: Tensor) -> Tensor:
        """(n, 28, 28) -> (M, n, latent)."""
        (M, n), (c1, c2) = (self.experts, len(images)), self.channels
        patches = F.unfold(images[:, None], 3, padding=1, stride=2)  # n, 9, 14·14
        patches = patches.transpose(1, 2).reshape(1, n * 14 * 14, 9).expand(M, -1, -1)
        h = F.leaky_relu(self.conv1(patches), LEAK).view(M, n, 14, 14, c1)
        h = F.leaky_relu(self.conv2(h), LEAK).reshape(M, n, 7 * 7 * c2)
        return self.encode(h)


experts = CAE
flat = FusedCAE  # for training
