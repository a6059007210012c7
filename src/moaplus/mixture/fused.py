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
from moaplus.mixture.isolation import FLOAT, Isolation
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
    with Isolation(0):
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
        self.M, self.channels = mixture.experts.experts, mixture.experts.channels
        self.leaf = self.vector.detach().requires_grad_()
        self.gradient_vector = torch.empty_like(self.vector)
        self.weights, self.gradients = self.named(self.vector), self.named(self.gradient_vector)
        self.filters, self.read = self.paired(self.weights)
        self.filter_gradients, self.written = self.paired(self.gradients)
        self.slopes = np.array([LEAK] * self.M + [0], np.float32)  # the gate's are plain ReLUs
        self.arrays: dict[str, np.ndarray] = {}

    def named(self, vector: Tensor) -> dict[str, np.ndarray]:
        """Return views of a vector by the weights' names; experts' biases are (M, …)."""
        arrays = {name: view.numpy() for name, view in self.views(vector).items()}
        biases = (f"experts.{name}.bias" for name in ("encode", "decode", "up1", "up2"))
        return arrays | {name: arrays[name].reshape(self.M, -1) for name in biases}

    def paired(self, named: dict[str, np.ndarray]) -> tuple[list[np.ndarray], list[tuple]]:
        """Return arrays for the convolutions' weights and biases of all encoders, (M+1, …).

        And pairs of a part of them, the experts' or the gate's, and its array in `named`.
        """
        c1, c2 = self.channels
        layers = {
            ("experts.conv1.weight", "gate.1.weight"): (9, c1),
            ("experts.conv1.bias", "gate.1.bias"): (c1,),
            ("experts.conv2.weight", "gate.3.weight"): (c2, c1, 3, 3),
            ("experts.conv2.bias", "gate.3.bias"): (c2,),
        }
        filters, pairs = [], []
        for (experts, gate), shape in layers.items():
            array, own = torch.empty(self.M + 1, *shape, dtype=FLOAT).numpy(), named[gate]
            filters.append(array)
            pairs.append((array[:-1], named[experts].reshape(self.M, *shape)))
            pairs.append((array[-1], own.reshape(c1, 9).T if shape == (9, c1) else own))
        return filters, pairs

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return _Fused.apply(self.leaf, self, images.view(len(images), PIXELS))

    def gradient(self, value: Tensor) -> Tensor:
        return torch.autograd.grad(value, self.leaf)[0]

    def array(self, name: str, *shape: int) -> np.ndarray:
        """Return memory, zeros at first, that is reused while it has this shape."""
        if name not in self.arrays or self.arrays[name].shape != shape:
            self.arrays[name] = torch.zeros(
                shape, dtype=FLOAT
            ).numpy()  # which begins with a cache line
        return self.arrays[name]

    def chunk(self, name: str, *shape: int) -> np.ndarray:
        """Return memory, zeros at first, for 16 values of each entry of a shape."""
        return self.array(name, math.prod(shape) * L)

    def sums(self, name: str, gradients: Iterable[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Return memory for the sums that become gradients, (M, entries) each."""
        sizes = (gradient.shape[1] for gradient in gradients)
        return tuple(self.chunk(f"{name} {i}", size) for i, size in enumerate(sizes))

    def linear(self, name: str, x, weight, bias=None, slope=NONE) -> np.ndarray:
        """Map x, (M, K, N), by weights (M, K, J) and a leaky ReLU: (M, J, N)."""
        M, _, J = weight.shape
        y = self.array(name, M, J, x.shape[2])
        bias = self.array("zeros", M, J) if bias is None else bias
        kernels.linear(x, weight, bias, slope, y)
        return y

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Compute products of residuals, (n, M, M), and logits, (n, M), of images (n, 784)."""
        M, n = self.M, len(pixels)
        self.pixels = self.array("pixels", PIXELS, -(-n // L) * L)
        torch.from_numpy(self.pixels)[:, :n] = pixels.T
        self.pixels[:, n:] = 0
        logits = self.encode()
        self.decode()
        products = torch.empty(M, M, self.pixels.shape[1], dtype=FLOAT).numpy()
        memory = self.chunk("residuals", M), self.chunk("products", M, M)
        kernels.residual_products(self.x, self.pixels, *memory, products)
        by_image = torch.from_numpy(products)[:, :, :n].permute(2, 0, 1)
        return by_image, torch.from_numpy(logits[:, :n].T.copy())

    def backward(self, products: Tensor, logits: Tensor) -> Tensor:
        """Compute the gradient of the weights from those of the last results of `forward`."""
        M, n, N = self.M, len(products), self.pixels.shape[1]
        by_products, by_logits = self.array("products'", M, M, N), self.array("logits'", 1, M, N)
        both = (products + products.mT).permute(1, 2, 0)
        torch.from_numpy(by_products)[:, :, :n] = both / PIXELS
        by_logits[0, :, :n] = logits.numpy().T
        by_products[:, :, n:] = by_logits[:, :, n:] = 0
        kernels.residuals_backward(by_products, self.pixels, self.chunk("residuals", M), self.x)
        self.encode_backward(self.decode_backward(), by_logits)
        return self.gradient_vector

    def encode(self) -> np.ndarray:
        """Fill `h2` and `code`; return the logits, (M, N)."""
        M, N, (c1, c2), w = self.M, self.pixels.shape[1], self.channels, self.weights
        for part, weights in self.read:
            part[...] = weights
        self.h2 = self.array("h2", M + 1, 49 * c2, N)
        memory = self.chunk("frame", 29, 29), self.chunk("h1", 15, 15, c1)
        kernels.encode(self.pixels, *self.filters, self.slopes, *memory, self.h2)
        weight, bias = w["experts.encode.weight"], w["experts.encode.bias"]
        self.code = self.linear("code", self.h2[:M], weight, bias)
        self.head = self.array("head", 1, M, 49 * c2)
        head = w["gate.6.weight"].reshape(M, c2, 49).swapaxes(1, 2)
        self.head.reshape(M, 49, c2)[...] = head
        weight, bias = self.head.swapaxes(1, 2), w["gate.6.bias"][None]
        return self.linear("logits", self.h2[M:], weight, bias)[0]

    def decode(self) -> None:
        """Fill `d` and `x`."""
        M, N, (c1, _), w = self.M, self.pixels.shape[1], self.channels, self.weights
        weight, bias = w["experts.decode.weight"], w["experts.decode.bias"]
        self.d = self.linear("d", self.code, weight, bias, SLOPE)
        self.ups = [w[f"experts.{name}"] for name in ("up1.weight", "up1.bias", "up2.weight")]
        self.x = self.array("x", M, PIXELS, N)
        bias = w["experts.up2.bias"].reshape(M)
        kernels.decode(self.d, *self.ups, bias, SLOPE, self.chunk("u", 196, c1), self.x)
        torch.from_numpy(self.x).sigmoid_()

    def decode_backward(self) -> np.ndarray:
        """Write the decoders' gradients; return that of the codes."""
        M, (c1, _), w, g = self.M, self.channels, self.weights, self.gradients
        d = self.array("d'", *self.d.shape)
        names = ("up1.weight", "up1.bias", "up2.weight", "up2.bias")
        gradients = tuple(g[f"experts.{name}"].reshape(M, -1) for name in names)
        memory = self.chunk("u", 196, c1), self.chunk("u'", 196, c1)
        sums = self.sums("decoder", gradients)
        kernels.decode_backward(self.x, self.d, *self.ups, SLOPE, memory, sums, d, gradients)
        _linear_gradients(self.code, d, g["experts.decode.weight"], g["experts.decode.bias"])
        return self.linear("code'", d, w["experts.decode.weight"].swapaxes(1, 2))

    def encode_backward(self, code: np.ndarray, logits: np.ndarray) -> None:
        """Write the encoders' and the gate's gradients from those of codes and logits."""
        M, (c1, c2), w, g = self.M, self.channels, self.weights, self.gradients
        _linear_gradients(self.h2[:M], code, g["experts.encode.weight"], g["experts.encode.bias"])
        head = self.array("head'", 1, 49 * c2, M)
        _linear_gradients(self.h2[M:], logits, head, g["gate.6.bias"][None])
        g["gate.6.weight"].reshape(M, c2, 49)[...] = head.reshape(49, c2, M).T
        h2 = self.array("h2'", *self.h2.shape)
        zeros = self.array("zeros", M, 49 * c2)
        kernels.linear(code, w["experts.encode.weight"].swapaxes(1, 2), zeros, NONE, h2[:M])
        kernels.linear(logits, self.head, zeros[:1], NONE, h2[M:])
        memory = (
            self.chunk("frame", 29, 29),
            self.chunk("h1", 15, 15, c1),
            self.chunk("y", 49, c2),
            self.chunk("h1'", 196, c1),
        )
        w1, b1, w2, _ = self.filters
        gradients = tuple(part.reshape(M + 1, -1) for part in self.filter_gradients)
        arrays = self.pixels, w1, b1, w2, self.slopes, self.h2, h2
        kernels.encode_backward(*arrays, memory, self.sums("encoder", gradients), gradients)
        for part, gradient in self.written:
            gradient[...] = part


def _linear_gradients(x: np.ndarray, y: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> None:
    """Write weight', (M, K, J), and bias', (M, J), of linear maps from x, (M, K, N), and y'."""
    x, y, weight, bias = map(torch.from_numpy, (x, y, weight, bias))
    torch.bmm(x, y.mT, out=weight)
    torch.sum(y, dim=2, out=bias)


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
