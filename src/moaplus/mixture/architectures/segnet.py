"""Autoencoders whose decoders get the positions of the pooled values."""

import torch.nn.functional as F
from torch import Tensor, nn

from moaplus.mixture.layers import LEAK, Code, ConvToOne, Each, max_pool, unpool


class SegNet(nn.Module):
    """One autoencoder: (n, 28, 28) -> (n, 28, 28), values in (0, 1).

    Max-pooling remembers which pixel of each 2×2 window was the largest, and the decoder puts
    values back there (Badrinarayanan et al. 2017, "SegNet").
    """

    def __init__(self, channels: tuple[int, int], latent: int):
        super().__init__()
        c1, c2 = channels
        self.conv1 = nn.Conv2d(1, c1, 3, padding=1)
        self.conv2 = nn.Conv2d(c1, c2, 3, padding=1)
        self.code = Code(c2, latent)
        self.conv3 = nn.Conv2d(c2, c1, 3, padding=1)
        self.conv4 = ConvToOne(c1)

    def forward(self, images: Tensor) -> Tensor:
        h, first = max_pool(F.leaky_relu(self.conv1(images[:, None]), LEAK))
        h, second = max_pool(F.leaky_relu(self.conv2(h), LEAK))
        h = unpool(self.code(h), second)  # n, c2, 14, 14
        h = unpool(F.leaky_relu(self.conv3(h), LEAK), first)  # n, c1, 28, 28
        return self.conv4(h)[:, 0].sigmoid()


def experts(
    count: int, channels: tuple[int, int], latent: int, shape: tuple[int, ...]
) -> nn.Module:
    """Return M of them: (n, 28, 28) -> (M, n, 28, 28); no other shape."""
    return Each(SegNet(channels, latent) for _ in range(count))
