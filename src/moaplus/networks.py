"""The mixture of autoencoders: M experts, and a gate that says whose image it is.

All experts of a mixture have the same shape, so they are computed together: every weight has a
leading axis of length M, and one batched matrix product serves all experts.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 28  # of an image, in pixels
LEAK = 0.2  # of the leaky ReLUs, as in DCGAN (Radford et al. 2016): plain ones die in the decoder


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
        """Map 2×2 blocks of pixels, (M, n, 2·2·inputs) -> (M, n, 4·4), for one output channel.

        The output is in raster order. One product with a sparse weight takes half the time of
        four small ones and a reordering of single pixels.
        """
        M, inputs, _ = self.weight.shape
        same = torch.eye(2, device=x.device)
        small = self.weight.view(M, inputs, 2, 2)
        large = torch.einsum("ay,bx,miuv->mabiyuxv", same, same, small)
        return torch.baddbmm(self.bias, x, large.reshape(M, 2 * 2 * inputs, 4 * 4))


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


ARCHITECTURES = {"cae": CAE}


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
