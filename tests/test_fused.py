"""The fast path of training against the modules that define it, in float64."""

import pytest
import torch

from moaplus.mixture.fused import FusedCAE
from moaplus.mixture.networks import Flat, MixtureOfAutoencoders


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def mixture(experts: int, channels=(4, 6), latent: int = 5, scale: float = 1) -> Flat:
    torch.manual_seed(experts)
    mixture = MixtureOfAutoencoders(experts, "cae", channels, latent)
    with torch.no_grad():
        for weight in mixture.parameters():
            weight *= scale
    return mixture


def made_by(network: Flat, images: torch.Tensor, batch: torch.Tensor) -> tuple:
    """Products, logits, and the gradient of a sum of both in which each has a weight of its own."""
    products, logits = network(network.prepare(images), batch)
    generator = torch.Generator().manual_seed(0)
    value = sum(
        (part * torch.randn(part.shape, generator=generator)).sum() for part in (products, logits)
    )
    return products.detach().clone(), logits.detach().clone(), network.gradient(value).clone()


def assert_same(mixture: MixtureOfAutoencoders, images: torch.Tensor, batch: torch.Tensor) -> None:
    expected = made_by(Flat(mixture), images, batch)
    fused = mixture.flat()
    assert isinstance(fused, FusedCAE)
    for _ in range(2):  # the second time in memory that is not fresh
        for ours, theirs in zip(made_by(fused, images, batch), expected, strict=True):
            scale = theirs.abs().max().item()
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("experts", range(1, 11))
def test_values_and_gradients_are_those_of_the_modules(experts):
    assert_same(mixture(experts), torch.rand(20, 28, 28), torch.randperm(20)[:7])


@pytest.mark.parametrize("n", [1, 2, 3, 13, 65])
def test_batches_of_any_size(n):
    assert_same(mixture(3), torch.rand(70, 28, 28), torch.randperm(70)[:n])


@pytest.mark.parametrize(("channels", "latent"), [((1, 1), 1), ((3, 2), 9), ((8, 16), 32)])
def test_other_widths(channels, latent):
    assert_same(mixture(2, channels, latent), torch.rand(6, 28, 28), torch.arange(6))


@pytest.mark.parametrize("scale", [0, 1e-3, 30])
def test_extreme_weights(scale):
    # All outputs alike, next to nothing, and a sigmoid that is 0 or 1.
    assert_same(mixture(3, scale=scale), torch.rand(6, 28, 28), torch.arange(6))


def test_extreme_images():
    images = torch.stack([torch.zeros(28, 28), torch.ones(28, 28), torch.eye(28)])
    assert_same(mixture(2), images, torch.arange(3))


def test_batches_of_several_sizes_take_turns():
    # As the last batch of an epoch and the first of the next do.
    network, images = mixture(2), torch.rand(9, 28, 28)
    fused, modules = network.flat(), Flat(network)
    for n in (5, 2, 9, 2, 5):
        batch = torch.randperm(9)[:n]
        for ours, theirs in zip(
            made_by(fused, images, batch), made_by(modules, images, batch), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


def test_its_weights_are_those_of_the_modules():
    network = mixture(2)
    fused, images = network.flat(), torch.rand(4, 28, 28)
    before = made_by(fused, images, torch.arange(4))[0]
    with torch.no_grad():
        fused.vector *= 1.5
    after = made_by(fused, images, torch.arange(4))[0]
    assert (before - after).abs().max() > 1e-6
    torch.testing.assert_close(after, made_by(Flat(network), images, torch.arange(4))[0])
