"""Autoencoders whose decoders see the encoder's feature maps."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moaplus.mixture.layers import LEAK, Code, ConvToOne, Each, max_pool


class UNet(nn.Module):
    """One autoencoder: (n, 28, 28) -> (n, 28, 28), values in (0, 1).

    The decoder sees the encoder's feature maps of its own resolution through skip connections
    (Ronneberger et al. 2015, "U-Net").
    """

    def __init__(self, channels: tuple[int, int], latent: int):
        super().__init__()
        c1, c2 = channels
        self.conv1 = nn.Conv2d(1, c1, 3, padding=1)
        self.conv2 = nn.Conv2d(c1, c2, 3, padding=1)
        self.code = Code(c2, latent)
        self.up1 = nn.ConvTranspose2d(c2, c2, 2, stride=2)
        self.conv3 = nn.Conv2d(2 * c2, c1, 3, padding=1)
        self.up2 = nn.ConvTranspose2d(c1, c1, 2, stride=2)
        self.conv4 = ConvToOne(2 * c1)

    def forward(self, images: Tensor) -> Tensor:
        first = F.leaky_relu(self.conv1(images[:, None]), LEAK)  # n, c1, 28, 28
        second = F.leaky_relu(self.conv2(max_pool(first)[0]), LEAK)  # n, c2, 14, 14
        h = self.code(max_pool(second)[0])  # n, c2, 7, 7
        h = torch.cat([second, self.up1(h)], dim=1)
        h = F.leaky_relu(self.conv3(h), LEAK)
        h = torch.cat([first, self.up2(h)], dim=1)
        return self.conv4(h)[:, 0].sigmoid()


def experts(
    count: int, channels: tuple[int, int], latent: int, shape: tuple[int, ...]
) -> nn.Module:
    """Return M of them: (n, 28, 28) -> (M, n, 28, 28); no other shape."""
    return Each(UNet(channels, latent) for _ in range(count))
