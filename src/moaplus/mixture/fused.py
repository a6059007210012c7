"""The mixture of CAEs in training on a CPU: `kernels.py` in the place of modules and autograd.

It computes what `architectures/cae.py` and `gates/small.py` define: read them first; tests hold its
values and gradients to theirs. A batch's images come last in all arrays, (…, N), where N is a
multiple of 16; those beyond the batch are zeros, and so are their gradients. ' marks a gradient.

    pixels   (784, N)
    h2       (M+1, 49·c2, N)  encoders' last feature maps, the gate's last
    code     (M, latent, N)
    d        (M, 49·c2, N)    decoders' first feature maps
    x        (M, 784, N)      reconstructions; x' after `residuals_backward`
"""

import math
from collections.abc import Iterable

import numba
import numpy as np
import torch
from llvmlite.binding import get_host_cpu_features
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from moaplus.mixture import kernels
from moaplus.mixture.kernels import PIXELS, L
from moaplus.mixture.layers import LEAK
from moaplus.mixture.networks import Flat, MixtureOfAutoencoders

SLOPE, NONE = np.float32(LEAK), np.float32(1)


def check() -> None:
    """Compile the loops, or load them compiled, and compare a step with that of the modules.

    Raises:
        ArithmeticError: if the processor has no fused multiply-add, or the results differ.
        Exception: of any kind, if numba cannot compile or cannot write its cache.
    """
    features = get_host_cpu_features()
    if "fma" in features and not features["fma"]:
        raise ArithmeticError("this processor has no fused multiply-add")
    with torch.random.fork_rng(devices=[]):
        mixture, image = MixtureOfAutoencoders(2, "cae", (4, 8), 2), torch.rand(1, 28, 28)
        ours, theirs = (_gradient(form(mixture), image) for form in (FusedCAE, Flat))
    if not torch.allclose(ours, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item()):
        raise ArithmeticError("compiled loops compute something else than the modules")


def _gradient(network: Flat, image: Tensor) -> Tensor:
    products, logits = network(image)
    return network.gradient(products.sum() + logits[0, 0]).clone()


class FusedCAE(Flat):
    """A mixture of CAEs in training; its gradient is overwritten by the next call."""

    compiler = f"numba {numba.__version__}"

    def __init__(self, mixture: nn.Module):
        super().__init__(mixture)
        self.M, (c1, c2) = mixture.experts.experts, mixture.experts.channels
        self.channels = c1, c2
        self.leaf = self.vector.detach().requires_grad_()
        self.gradient_vector = torch.empty_like(self.vector)
        self.weights, self.gradients = self.views(self.vector), self.views(self.gradient_vector)
        self.slopes = np.array([LEAK] * self.M + [0], np.float32)  # the gate's are plain ReLUs
        self.arrays: dict[str, Tensor] = {}

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return _Fused.apply(self.leaf, self, images.view(len(images), PIXELS))

    def gradient(self, value: Tensor) -> Tensor:
        return torch.autograd.grad(value, self.leaf)[0]

    def array(self, name: str, *shape: int) -> Tensor:
        """Return memory, zeros at first, that is reused while it has this shape."""
        if name not in self.arrays or self.arrays[name].shape != shape:
            self.arrays[name] = torch.zeros(shape)
        return self.arrays[name]

    def chunk(self, name: str, *shape: int) -> np.ndarray:
        """Return memory, zeros at first, for 16 values of each entry of a shape."""
        return self.array(name, math.prod(shape) * L).numpy()

    def sums(self, name: str, gradients: Iterable[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Return memory for the sums that become gradients, (M, entries) each."""
        sizes = (gradient.shape[1] for gradient in gradients)
        return tuple(self.chunk(f"{name} {i}", size) for i, size in enumerate(sizes))

    def linear(self, name: str, x: Tensor, weight: Tensor, bias: Tensor, slope=NONE) -> Tensor:
        """Map x, (M, K, N), by weights (M, K, J) and a leaky ReLU: (M, J, N)."""
        M, _, J = weight.shape
        y = self.array(name, M, J, x.shape[2])
        kernels.linear(x.numpy(), weight.numpy(), bias.view(M, J).numpy(), slope, y.numpy())
        return y

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Compute products of residuals, (n, M, M), and logits, (n, M), of images (n, 784)."""
        M, n = self.M, len(pixels)
        self.pixels = self.array("pixels", PIXELS, -(-n // L) * L)
        self.pixels[:, :n], self.pixels[:, n:] = pixels.T, 0
        logits = self.encode()
        self.decode()
        products = np.empty((M, M, self.pixels.shape[1]), np.float32)
        memory = self.chunk("residuals", M), self.chunk("products", M, M)
        kernels.residual_products(self.x.numpy(), self.pixels.numpy(), *memory, products)
        return torch.from_numpy(products)[:, :, :n].permute(2, 0, 1), logits[:, :n].T.clone()

    def backward(self, products: Tensor, logits: Tensor) -> Tensor:
        """Compute the gradient of the weights from those of the last results of `forward`."""
        M, n = self.M, len(products)
        N = self.pixels.shape[1]
        by_products, by_logits = self.array("products'", M, M, N), self.array("logits'", M, N)
        by_products[:, :, :n] = ((products + products.mT) / PIXELS).permute(1, 2, 0)
        by_logits[:, :n] = logits.T
        by_products[:, :, n:], by_logits[:, n:] = 0, 0
        arrays = by_products.numpy(), self.pixels.numpy(), self.chunk("residuals", M)
        kernels.residuals_backward(*arrays, self.x.numpy())
        self.encode_backward(self.decode_backward(), by_logits)
        return self.gradient_vector

    def encode(self) -> Tensor:
        M, N, (c1, c2), w = self.M, self.pixels.shape[1], self.channels, self.weights
        self.filters = [
            torch.cat([experts, gate]).numpy()
            for experts, gate in (
                (w["experts.conv1.weight"], w["gate.1.weight"].view(1, c1, 9).mT),
                (w["experts.conv1.bias"].view(M, c1), w["gate.1.bias"][None]),
                (w["experts.conv2.weight"], w["gate.3.weight"][None]),
                (w["experts.conv2.bias"], w["gate.3.bias"][None]),
            )
        ]
        self.h2 = self.array("h2", M + 1, 49 * c2, N)
        memory = self.chunk("frame", 29, 29), self.chunk("h1", 15, 15, c1)
        arrays = self.pixels.numpy(), *self.filters, self.slopes, *memory
        kernels.encode(*arrays, self.h2.numpy())
        self.head = w["gate.6.weight"].view(M, c2, 49).mT.reshape(1, M, 49 * c2)
        bias, weight = w["experts.encode.bias"], w["experts.encode.weight"]
        self.code = self.linear("code", self.h2[:M], weight, bias)
        return self.linear("logits", self.h2[M:], self.head.mT, w["gate.6.bias"])[0]

    def decode(self) -> None:
        M, N, (c1, _), w = self.M, self.pixels.shape[1], self.channels, self.weights
        bias, weight = w["experts.decode.bias"], w["experts.decode.weight"]
        self.d = self.linear("d", self.code, weight, bias, SLOPE)
        self.ups = [
            w["experts.up1.weight"].numpy(),
            w["experts.up1.bias"].view(M, c1).numpy(),
            w["experts.up2.weight"].numpy(),
        ]
        self.x = self.array("x", M, PIXELS, N)
        bias = w["experts.up2.bias"].view(M).numpy()
        memory = self.chunk("u", 196, c1)
        kernels.decode(self.d.numpy(), *self.ups, bias, SLOPE, memory, self.x.numpy())
        self.x.sigmoid_()

    def decode_backward(self) -> Tensor:
        """Return the gradient of the codes."""
        M, (c1, c2), w, g = self.M, self.channels, self.weights, self.gradients
        d = self.array("d'", *self.d.shape)
        names = ("up1.weight", "up1.bias", "up2.weight", "up2.bias")
        gradients = tuple(g[f"experts.{name}"].view(M, -1).numpy() for name in names)
        memory = self.chunk("u", 196, c1), self.chunk("u'", 196, c1)
        arrays = (
            self.x.numpy(),
            self.d.numpy(),
            *self.ups,
            SLOPE,
            memory,
            self.sums("decoder", gradients),
        )
        kernels.decode_backward(*arrays, d.numpy(), gradients)
        torch.sum(d, dim=2, out=g["experts.decode.bias"].view(M, 49 * c2))
        torch.bmm(self.code, d.mT, out=g["experts.decode.weight"])
        zeros = torch.zeros(M, len(self.code[0]))
        return self.linear("code'", d, w["experts.decode.weight"].mT, zeros)

    def encode_backward(self, code: Tensor, logits: Tensor) -> None:
        M, (c1, c2), w, g = self.M, self.channels, self.weights, self.gradients
        torch.sum(code, dim=2, out=g["experts.encode.bias"].view(M, -1))
        torch.bmm(self.h2[:M], code.mT, out=g["experts.encode.weight"])
        torch.sum(logits, dim=1, out=g["gate.6.bias"])
        head = (logits @ self.h2[M].T).view(M, 49, c2).mT
        g["gate.6.weight"].view(M, c2, 49).copy_(head)
        h2 = self.array("h2'", *self.h2.shape)
        zeros = np.zeros((M, 49 * c2), np.float32)
        arrays = code.numpy(), w["experts.encode.weight"].mT.numpy(), zeros, NONE
        kernels.linear(*arrays, h2[:M].numpy())
        kernels.linear(logits[None].numpy(), self.head.numpy(), zeros[:1], NONE, h2[M:].numpy())
        memory = (
            self.chunk("frame", 29, 29),
            self.chunk("h1", 15, 15, c1),
            self.chunk("y", 49, c2),
            self.chunk("h1'", 196, c1),
        )
        w1, b1, w2, _ = self.filters
        found = [torch.empty(filters.shape) for filters in self.filters]
        gradients = tuple(part.view(M + 1, -1).numpy() for part in found)
        arrays = self.pixels.numpy(), w1, b1, w2, self.slopes, self.h2.numpy(), h2.numpy()
        kernels.encode_backward(*arrays, memory, self.sums("encoder", gradients), gradients)
        g1, gb1, g2, gb2 = found
        g["experts.conv1.weight"].copy_(g1[:M])
        g["experts.conv1.bias"].view(M, c1).copy_(gb1[:M])
        g["experts.conv2.weight"].copy_(g2[:M])
        g["experts.conv2.bias"].copy_(gb2[:M])
        g["gate.1.weight"].view(c1, 9).copy_(g1[M].T)
        g["gate.1.bias"].copy_(gb1[M])
        g["gate.3.weight"].copy_(g2[M])
        g["gate.3.bias"].copy_(gb2[M])


class _Fused(Function):
    """`FusedCAE` as autograd sees it: a function of the weights."""

    @staticmethod
    def forward(ctx, leaf: Tensor, network: FusedCAE, pixels: Tensor) -> tuple[Tensor, Tensor]:
        ctx.network = network
        return network.forward(pixels)

    @staticmethod
    @once_differentiable
    def backward(ctx, products: Tensor, logits: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.network.backward(products, logits), None, None
