"""The mixture of CAEs with its forward and backward pass written by hand, for fast training.

It computes what `architectures/cae.py` and `gates/small.py` define: read them first; tests hold its
values and gradients to theirs. It is faster because all work is in large matrix products without
im2col, no reconstruction is formed (objectives need only the products of residuals), and memory is
reused from step to step.

Layout. Arrays lead with the M experts; where the encoders are meant, the gate, which has the same
two convolutions, is the last of M + 1. Channels come last; ' marks a gradient.

    patches  (56·n, 2·16)           of 7×8 blocks: two windows of 5×3 pixels, each with a one
    h1       (M+1, 56·n, 4·c1)      first convolution, blocks of 2×2 outputs
    y        (M+1, 56·n, c2)        second convolution
    h2       (M+1, n, 49·c2)        its activation, by image
    code     (M, n, latent)
    d        (M, n·49, c2)          7×7 feature maps
    u        (M, n·49, 4·c1)        first up-convolution, blocks of 2×2 pixels
    x        (M, n·49, 16)          second one, cells of 4×4 pixels: the reconstruction

In encoders, row q = (8 r + c) n + i belongs to image i and to its block in row r and column c;
column 0 is zeros, which pad. The outputs of a block of h1 stand in the order of their (row, column)
(0, 1), (1, 1), (1, 0), (0, 0). Those of one column see the same window, so each column is a
product; the one carries the bias. Row q of y sees all of block q, column 1 of q - n, to its left,
row 1 of q - 8n, above it, and (1, 1) of q - 9n: slices of the array's columns, by that order. So
the second convolution is a sum of four products (`PRODUCTS`). Column 0 of y means nothing.
"""

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from moaplus.mixture.layers import LEAK, SIDE, spread
from moaplus.mixture.networks import Flat

PIXELS = SIDE * SIDE
TAPS = ((1, 2), (2, 2), (2, 1), (1, 1), (1, 0), (2, 0), (0, 2), (0, 1), (0, 0))  # of the kernel
# The second convolution: how many blocks away, which outputs there, and the taps they meet.
PRODUCTS = ((0, slice(4), slice(4)), (1, slice(2), slice(4, 6)))
PRODUCTS += ((8, slice(1, 3), slice(6, 8)), (9, slice(1, 2), slice(8, 9)))

leaky_relu = torch.ops.aten.leaky_relu.out
leaky_relu_backward = torch.ops.aten.leaky_relu_backward.grad_input
relu_backward = torch.ops.aten.threshold_backward.grad_input
sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input


class FusedCAE(Flat):
    """A mixture of CAEs in training; its gradient is that of the last call."""

    def __init__(self, mixture: nn.Module):
        super().__init__(mixture)
        self.M, (c1, c2) = mixture.experts.experts, mixture.experts.channels
        self.leaf = self.vector.detach().requires_grad_()
        self.gradient_vector = torch.empty_like(self.vector)
        self.named = (c1, c2), self.views(self.vector), self.views(self.gradient_vector)
        self.spread_in = spread((2, 1), kernel=3).to(self.vector)
        self.spread_out = spread((2, 2), kernel=2).to(self.vector)
        order = torch.arange(c2 * c1 * 9, device=self.vector.device).view(c2, c1, 3, 3)
        self.order = torch.cat([order[:, :, row, column].T.flatten() for row, column in TAPS])
        self.buffers: dict[str, Tensor] = {}

    def prepare(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return patches of the images, (56, n, 2·16), and their pixels by cells, (n, 784)."""
        n = len(images)
        windows = F.pad(images, (5, 0, 1, 0)).unfold(1, 5, 4).unfold(2, 3, 2)  # n, 7, 16, 5, 3
        patches = images.new_zeros(7, 8, n, 2, 16)
        windows = windows.unflatten(2, (8, 2)).permute(1, 2, 0, 3, 4, 5)
        patches[..., :15].unflatten(4, (5, 3)).copy_(windows)
        patches[:, 1:, ..., 15] = 1
        cells = images.view(n, 7, 4, 7, 4).transpose(2, 3)
        return patches.view(56, n, 32), cells.reshape(n, PIXELS)

    def __call__(self, inputs: tuple[Tensor, ...], batch: Tensor) -> tuple[Tensor, Tensor]:
        patches = self.buffer("patches", 56, len(batch), 32)
        torch.index_select(inputs[0], 1, batch, out=patches)
        return _Fused.apply(self.leaf, self, patches.view(-1, 32), inputs[1][batch])

    def gradient(self, value: Tensor) -> Tensor:
        return torch.autograd.grad(value, self.leaf)[0]

    def buffer(self, name: str, *shape: int) -> Tensor:
        """Return memory that is reused from step to step; arrays of the same name share it."""
        size = math.prod(shape)
        if name not in self.buffers or len(self.buffers[name]) < size:
            self.buffers[name] = self.vector.new_empty(size)
        return self.buffers[name][:size].view(shape)

    def forward(self, patches: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Compute products of residuals, (n, M, M), and logits, (n, M)."""
        self.encode(patches)
        self.decode()
        self.residuals = self.buffer("residuals", len(cells), self.M, PIXELS)
        reconstructions = self.x.view(self.M, -1, PIXELS).transpose(0, 1)
        torch.sub(reconstructions, cells[:, None], out=self.residuals)
        return self.residuals @ self.residuals.mT / PIXELS, self.logits

    def backward(self, products: Tensor, logits: Tensor) -> Tensor:
        """Compute the gradient of the weights from those of the last results of `forward`."""
        products = (products + products.mT) / PIXELS
        residuals = self.buffer("residuals'", *self.residuals.shape)
        torch.bmm(products, self.residuals, out=residuals)
        code = self.decode_backward(residuals.transpose(0, 1))
        self.encode_backward(code, logits)
        return self.gradient_vector

    def encode(self, patches: Tensor) -> None:
        M, n, (c1, c2), w, _ = self.M, len(patches) // 56, *self.named
        self.patches = patches
        gate = w["gate.1.weight"].view(1, c1, 9).mT
        first = self.spread_in.T @ torch.cat([w["experts.conv1.weight"], gate])
        bias = torch.cat([w["experts.conv1.bias"], w["gate.1.bias"].view(1, 1, c1)])
        first = torch.cat([first, bias, bias], dim=1).view(M + 1, 16, 2, c1)
        self.h1 = self.buffer("h1", M + 1, 56 * n, 4 * c1)
        weights = first, first.flip(2)
        for (windows, column), weight in zip(self.columns(self.h1), weights, strict=True):
            torch.bmm(windows, weight.view(M + 1, 16, 2 * c1), out=column)
        F.leaky_relu_(self.h1[:M], LEAK)
        F.relu_(self.h1[M])

        second = torch.cat([w["experts.conv2.weight"], w["gate.3.weight"][None]])
        second = second.view(M + 1, -1).index_select(1, self.order)
        self.second = second.view(M + 1, 9 * c1, c2)
        bias = torch.cat([w["experts.conv2.bias"], w["gate.3.bias"][None]])
        y = self.buffer("u", M + 1, 56 * n, c2)
        (blocks, to, taps), *others = self.products(self.h1, y)
        torch.baddbmm(bias[:, None], blocks, taps, out=y)
        for blocks, to, taps in others:
            to.baddbmm_(blocks, taps)
        h2, y = self.buffer("h2", M + 1, n, 49, c2), self.by_image(y)
        leaky_relu(y[:M], LEAK, out=h2[:M].unflatten(2, (7, 7)))
        torch.clamp_min(y[M], 0, out=h2[M].unflatten(1, (7, 7)))
        self.h2 = h2.view(M + 1, n, 49 * c2)

        self.head = w["gate.6.weight"].view(M, c2, 49).mT.reshape(M, 49 * c2)
        self.logits = torch.addmm(w["gate.6.bias"], self.h2[M], self.head.T)
        self.code = torch.baddbmm(w["experts.encode.bias"], self.h2[:M], w["experts.encode.weight"])

    def decode(self) -> None:
        M, n, (c1, c2), w, _ = self.M, self.code.shape[1], *self.named
        d = self.buffer("d", M, n, 49 * c2)
        torch.baddbmm(w["experts.decode.bias"], self.code, w["experts.decode.weight"], out=d)
        self.d = F.leaky_relu_(d, LEAK).view(M, n * 49, c2)
        self.u = self.buffer("u", M, n * 49, 4 * c1)
        bias = w["experts.up1.bias"][:, :, None].expand(-1, -1, 4, -1).reshape(M, 1, 4 * c1)
        torch.baddbmm(bias, self.d, w["experts.up1.weight"], out=self.u)
        F.leaky_relu_(self.u, LEAK)
        last = (w["experts.up2.weight"] @ self.spread_out).view(M, c1, 16, 4)
        self.last = last.permute(0, 3, 1, 2).reshape(M, 4 * c1, 16)
        self.x = self.buffer("x", M, n * 49, 16)
        torch.baddbmm(w["experts.up2.bias"], self.u, self.last, out=self.x).sigmoid_()

    def decode_backward(self, residuals: Tensor) -> Tensor:
        M, n, (c1, c2), w, g = self.M, self.code.shape[1], *self.named
        x = self.x.view(M, n, PIXELS)
        x = sigmoid_backward(residuals, x, grad_input=x).view_as(self.x)
        g["experts.up2.bias"].copy_(x.sum(dim=(1, 2), keepdim=True))
        last = torch.bmm(self.u.mT, x).view(M, 4, c1, 16).permute(0, 2, 3, 1).reshape(M, c1, 64)
        torch.bmm(last, self.spread_out.T.expand(M, -1, -1), out=g["experts.up2.weight"])
        u = torch.bmm(x, self.last.mT, out=self.buffer("h1'", *self.u.shape))
        leaky_relu_backward(u, self.u, LEAK, True, grad_input=u)
        torch.sum(u.view(M, -1, c1), dim=1, keepdim=True, out=g["experts.up1.bias"])
        torch.bmm(self.d.mT, u, out=g["experts.up1.weight"])
        d = self.buffer("residuals'", *self.d.shape)
        torch.bmm(u, w["experts.up1.weight"].mT, out=d)
        leaky_relu_backward(d, self.d, LEAK, True, grad_input=d)
        d = d.view(M, n, 49 * c2)
        torch.sum(d, dim=1, keepdim=True, out=g["experts.decode.bias"])
        torch.bmm(self.code.mT, d, out=g["experts.decode.weight"])
        return torch.bmm(d, w["experts.decode.weight"].mT)

    def encode_backward(self, code: Tensor, logits: Tensor) -> None:
        M, n, (c1, c2), w, g = self.M, self.code.shape[1], *self.named
        torch.sum(code, dim=1, keepdim=True, out=g["experts.encode.bias"])
        torch.bmm(self.h2[:M].mT, code, out=g["experts.encode.weight"])
        torch.sum(logits, dim=0, out=g["gate.6.bias"])
        g["gate.6.weight"].view(M, c2, 49).copy_((logits.T @ self.h2[M]).view(M, 49, c2).mT)
        h2 = self.buffer("u", *self.h2.shape)
        torch.bmm(code, w["experts.encode.weight"].mT, out=h2[:M])
        torch.mm(logits, self.head, out=h2[M])
        y = self.buffer("d", M + 1, 56 * n, c2)
        y.view(M + 1, 7, 8, n, c2)[:, :, 0] = 0
        shape = (M + 1, n, 7, 7, c2)
        self.activation_backward(h2.view(shape), self.h2.view(shape), self.by_image(y))
        bias = y.sum(dim=1)
        g["experts.conv2.bias"].copy_(bias[:M])
        g["gate.3.bias"].copy_(bias[M])
        taps = [torch.bmm(h.mT, to) for h, to, _ in self.products(self.h1, y)]
        second = torch.cat(taps, dim=1).view(M + 1, -1)
        g["experts.conv2.weight"].view(M, -1)[:, self.order] = second[:M]
        g["gate.3.weight"].view(-1)[self.order] = second[M]

        h1 = self.buffer("h1'", *self.h1.shape)
        (_, to, taps), left, above, (_, corner, tap) = self.products(h1, y)
        torch.bmm(to, taps.mT, out=h1)
        for blocks, to, taps in (left, above):
            blocks.baddbmm_(to, taps.mT)
        # A product of c1 columns is slower than one of twice as many, half of them zeros.
        h1[:, : -9 * n, c1 : 3 * c1].baddbmm_(corner, F.pad(tap.mT, (0, c1)))
        self.activation_backward(h1, self.h1, h1)
        first, flipped = (torch.bmm(windows.mT, column) for windows, column in self.columns(h1))
        first = first.view(M + 1, 16, 2, c1) + flipped.view(M + 1, 16, 2, c1).flip(2)
        bias = first[:, 15].sum(dim=1, keepdim=True)
        first = self.spread_in @ first.view(M + 1, 32, c1)[:, :30]
        g["experts.conv1.weight"].copy_(first[:M])
        g["experts.conv1.bias"].copy_(bias[:M])
        g["gate.1.weight"].view(c1, 9).copy_(first[M].T)
        g["gate.1.bias"].copy_(bias[M, 0])

    def columns(self, h1: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return the windows of the first convolution with the outputs that see them."""
        left, right = self.patches.expand(self.M + 1, -1, -1).split(16, dim=2)
        return list(zip((right, left), h1.chunk(2, dim=2), strict=True))

    def products(self, h1: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield the factors of the second convolution: outputs of blocks, destination, weights."""
        rows, n = y.shape[1], y.shape[1] // 56
        h1, second = h1.unflatten(2, (4, -1)), self.second.unflatten(1, (9, -1))
        for away, outputs, taps in PRODUCTS:
            blocks = h1[:, : rows - away * n, outputs].flatten(2)
            yield blocks, y[:, away * n :], second[:, taps].flatten(1, 2)

    def by_image(self, y: Tensor) -> Tensor:
        """View y by image, (M+1, n, 7, 7, c2), without the column that pads."""
        return y.view(self.M + 1, 7, 8, -1, y.shape[2])[:, :, 1:].permute(0, 3, 1, 2, 4)

    def activation_backward(self, gradient: Tensor, output: Tensor, to: Tensor) -> None:
        """Propagate a gradient through M leaky ReLUs and the gate's ReLU, given their outputs."""
        M = self.M
        leaky_relu_backward(gradient[:M], output[:M], LEAK, True, grad_input=to[:M])
        relu_backward(gradient[M], output[M], 0, grad_input=to[M])


class _Fused(Function):
    """`FusedCAE` as autograd sees it: a function of the weights."""

    @staticmethod
    def forward(ctx, leaf: Tensor, network: FusedCAE, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        ctx.network = network
        return network.forward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx, products: Tensor, logits: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.network.backward(products, logits), None, None, None
