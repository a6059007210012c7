"""The mixture of autoencoders: M experts, and a gate that says whose image it is.

Experts are convolutional autoencoders with a code of `latent` values. What else the decoder gets
to see makes the difference between the architectures: nothing (`cae`), where each pooled value
came from (`segnet`), or the encoder's feature maps (`unet`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moaplus.layers import ExpertConv, ExpertLinear, ExpertUpConv

SIDE = 28  # of an image, in pixels
LEAK = 0.2  # of the leaky ReLUs, as in DCGAN (Radford et al. 2016): plain ones die in the decoder


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
        patches = F.unfold(images[:, None], 3, padding=1, stride=2)  # n, 9, 14·14
        patches = patches.transpose(1, 2).reshape(1, n * 14 * 14, 9).expand(M, -1, -1)
        h = F.leaky_relu(self.conv1(patches), LEAK).view(M, n, 14, 14, c1)
        h = F.leaky_relu(self.conv2(h), LEAK).reshape(M, n, 7 * 7 * c2)
        code = self.encode(h)  # M, n, latent
        h = F.leaky_relu(self.decode(code), LEAK).view(M, n * 7 * 7, c2)
        h = F.leaky_relu(self.up1(h), LEAK).view(M, n * 7 * 7, 2 * 2 * c1)
        cells = self.up2.on_blocks(h).float().sigmoid().view(M, n, 7, 7, 4, 4)
        return cells.transpose(3, 4).reshape(M, n, SIDE, SIDE)


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
        self.conv4 = nn.Conv2d(c1, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        h, first = max_pool(F.leaky_relu(self.conv1(images[:, None]), LEAK))
        h, second = max_pool(F.leaky_relu(self.conv2(h), LEAK))
        h = unpool(self.code(h), second)  # n, c2, 14, 14
        h = unpool(F.leaky_relu(self.conv3(h), LEAK), first)  # n, c1, 28, 28
        return self.conv4(h)[:, 0].float().sigmoid()


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
        self.conv4 = nn.Conv2d(2 * c1, 1, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        first = F.leaky_relu(self.conv1(images[:, None]), LEAK)  # n, c1, 28, 28
        second = F.leaky_relu(self.conv2(max_pool(first)[0]), LEAK)  # n, c2, 14, 14
        h = self.code(max_pool(second)[0])  # n, c2, 7, 7
        h = torch.cat([second, self.up1(h)], dim=1)
        h = F.leaky_relu(self.conv3(h), LEAK)
        h = torch.cat([first, self.up2(h)], dim=1)
        return self.conv4(h)[:, 0].float().sigmoid()


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


class Gate(nn.Sequential):
    """The convolutional gate network: (n, 28, 28) -> logits of the concentrations, (n, M)."""

    def __init__(self, experts: int, channels: tuple[int, int]):
        c1, c2 = channels
        super().__init__(
            nn.Unflatten(1, (1, SIDE)),
            nn.Conv2d(1, c1, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(c1, c2, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(7 * 7 * c2, experts),
        )


ARCHITECTURES = {
    "cae": CAE,
    "segnet": lambda experts, *shape: Each(SegNet(*shape) for _ in range(experts)),
    "unet": lambda experts, *shape: Each(UNet(*shape) for _ in range(experts)),
}


class MixtureOfAutoencoders(nn.Module):
    """M experts and a gate: images -> every expert's reconstruction, and the gate's logits."""

    def __init__(self, experts: int, architecture: str, channels: tuple[int, int], latent: int):
        super().__init__()
        self.experts = ARCHITECTURES[architecture](experts, channels, latent)
        self.gate = Gate(experts, channels)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 28, 28) -> reconstructions (M, n, 28, 28) and logits (n, M), both float32.

        The gate keeps to float32 under autocast too: Γ is nearly singular at the start.
        """
        with torch.autocast(images.device.type, enabled=False):
            logits = self.gate(images)
        return self.experts(images), logits
