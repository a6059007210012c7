"""The compiled training step against the modules that define it, in float64."""

import copy
import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from moaplus.mixture import fused
from moaplus.mixture.architectures import cae
from moaplus.mixture.fused import FusedCAE
from moaplus.mixture.networks import Flat, MixtureOfAutoencoders

CLOSE = 3e-5  # of float32, as a share of the largest value


def mixture(experts: int, channels=(4, 8), latent: int = 5, scale: float = 1):
    """Return a mixture with weights of its own."""
    torch.manual_seed(experts)
    mixture = MixtureOfAutoencoders(experts, "cae", channels, latent)
    with torch.no_grad():
        for weight in mixture.parameters():
            weight *= scale
    return mixture


def made_by(network: Flat, images: torch.Tensor, batch: torch.Tensor) -> list[np.ndarray]:
    """Return products, logits, and the gradient of a sum of both with weights of its own."""
    images = images.to(network.vector.dtype)
    products, logits = network(images[batch])
    rng = np.random.default_rng(0)
    weights = (
        torch.from_numpy(rng.normal(size=part.shape)).to(part) for part in (products, logits)
    )
    value = sum((part * w).sum() for part, w in zip((products, logits), weights, strict=True))
    return [
        part.detach().double().numpy().copy()
        for part in (products, logits, network.gradient(value))
    ]


def assert_same(network: Flat, defined: MixtureOfAutoencoders, images, batch) -> None:
    """Check values and each weight's gradient against the modules in float64."""
    modules = Flat(copy.deepcopy(defined).double())
    ours, theirs = made_by(network, images, batch), made_by(modules, images, batch)
    for part in (0, 1):
        largest = abs(theirs[part]).max()
        np.testing.assert_allclose(ours[part], theirs[part], rtol=0, atol=CLOSE * largest)
    gradients = (modules.views(torch.from_numpy(made[2])) for made in (ours, theirs))
    for (name, one), other in zip(*(g.items() for g in gradients), strict=True):
        largest = other[1].abs().max().item()
        torch.testing.assert_close(one, other[1], rtol=0, atol=CLOSE * largest + 1e-12, msg=name)


def check(defined: MixtureOfAutoencoders, images: torch.Tensor, batch: torch.Tensor) -> None:
    network = copy.deepcopy(defined).flat()
    assert isinstance(network, FusedCAE)
    for _ in range(2):  # the second time in memory that is not fresh
        assert_same(network, defined, images, batch)


@pytest.mark.parametrize("experts", range(1, 11))
def test_values_and_gradients_are_those_of_the_modules(experts):
    check(mixture(experts), torch.rand(20, 28, 28), torch.randperm(20)[:7])


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 65])
def test_batches_of_any_size(n):
    check(mixture(3), torch.rand(70, 28, 28), torch.randperm(70)[:n])


@pytest.mark.parametrize(("channels", "latent"), [((4, 8), 1), ((12, 8), 9), ((8, 16), 32)])
def test_other_widths(channels, latent):
    check(mixture(2, channels, latent), torch.rand(6, 28, 28), torch.arange(6))


@pytest.mark.parametrize("channels", [(1, 1), (4, 6), (3, 8)])
def test_widths_that_fill_no_block_of_registers_keep_their_modules(channels):
    assert type(mixture(2, channels).flat()) is Flat


@pytest.mark.parametrize("scale", [0, 1e-3, 3])
def test_extreme_weights(scale):
    check(mixture(3, scale=scale), torch.rand(6, 28, 28), torch.arange(6))


def test_extreme_images():
    images = torch.stack([torch.zeros(28, 28), torch.ones(28, 28), torch.eye(28)])
    check(mixture(2), images, torch.arange(3))


def test_batches_of_several_sizes_take_turns():
    # As the last batch of an epoch and the first of the next do.
    defined, images = mixture(2), torch.rand(40, 28, 28)
    network = copy.deepcopy(defined).flat()
    for n in (18, 17, 2, 40, 2, 18):
        assert_same(network, defined, images, torch.randperm(40)[:n])


def test_an_image_has_the_same_bits_in_any_batch():
    network, images = mixture(3).flat(), torch.rand(40, 28, 28)
    whole, _ = network(images)
    for batch in (torch.tensor([7]), torch.tensor([3, 7, 30]), torch.arange(20)):
        part, _ = network(images[batch])
        assert torch.equal(part[batch == 7], whole[7:8])


def test_results_outlive_the_next_call():
    network, images = mixture(2).flat(), torch.rand(9, 28, 28)
    products, logits = network(images[:4])
    before = products.clone(), logits.clone()
    network(images[4:8])
    assert torch.equal(products, before[0])
    assert torch.equal(logits, before[1])


def test_its_weights_are_those_of_the_modules():
    network = mixture(2)
    compiled, images = network.flat(), torch.rand(4, 28, 28)
    before = made_by(compiled, images, torch.arange(4))[0]
    with torch.no_grad():
        compiled.vector *= 1.5
    after = made_by(compiled, images, torch.arange(4))[0]
    assert abs(before - after).max() > 1e-6
    assert_same(compiled, network, images, torch.arange(4))


@pytest.fixture
def unchecked():
    cae.is_compiled.cache_clear()
    yield
    cae.is_compiled.cache_clear()


@pytest.mark.parametrize(
    ("name", "broken", "words"),
    [
        ("get_host_cpu_features", lambda: {"fma": False}, "no fused multiply-add"),
        ("_gradient", lambda network, image: torch.rand(3), "something else than the modules"),
    ],
)
def test_without_a_right_compiled_step_the_modules_train_and_one_line_says_why(
    unchecked, monkeypatch, capsys, name, broken, words
):
    monkeypatch.setattr(fused, name, broken)
    assert [type(mixture(2).flat()) for _ in range(2)] == [Flat, Flat]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("training without compiled loops")
    assert words in line


PROGRAM = """
from numba.core.caching import CacheImpl
CacheImpl._locator_classes = []  # as where no folder can be written
from moaplus.mixture.networks import MixtureOfAutoencoders
print(type(MixtureOfAutoencoders(2, "cae", (4, 8), 2).flat()).__name__)
"""


def test_a_cache_that_cannot_be_written_is_said_in_a_line():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout == "Flat\n"
    assert re.fullmatch("training without compiled loops.*cache.*\n", done.stderr, re.I)


def test_the_check_leaves_the_random_numbers_alone(unchecked):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert cae.is_compiled()
    assert torch.equal(torch.rand(3), expected)
