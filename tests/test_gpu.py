"""The same code on a GPU; nothing of this is run where there is none."""

import pytest
import torch

from moaplus.mixture.flat import Flat
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.plan.choices import names
from moaplus.provenance.origin import read_header
from moaplus.runs.batch import train_all
from moaplus.runs.evaluated import load_concentrations

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.mark.parametrize("architecture", names("mixture/architectures"))
def test_gradients_are_those_of_the_cpu(architecture):
    torch.manual_seed(0)
    mixture = MixtureOfAutoencoders(3, architecture, (4, 6), 5).double()
    images, batch = torch.rand(9, 28, 28, dtype=torch.float64), torch.arange(9)

    def made_by(network: Flat, device: str) -> torch.Tensor:
        inputs = network.prepare(images.to(device))
        products, logits = network(inputs, batch.to(device))
        return network.gradient(products.square().sum() + logits.square().sum()).cpu().clone()

    expected = made_by(Flat(mixture), "cpu")
    torch.testing.assert_close(made_by(mixture.to("cuda").flat(), "cuda"), expected)


def test_a_run_on_a_gpu_says_so_and_gives_the_same_bytes_again(smoke_run):
    made = []
    for _ in range(2):
        train_all([smoke_run], "gpu", 1, 1)
        made.append([path.read_bytes() for path in smoke_run.files])
        assert torch.cuda.get_device_name() in read_header(smoke_run).made_on
        for path in (smoke_run.model, smoke_run.history):
            path.unlink()
    assert made[0] == made[1]


def test_losses_are_near_those_of_the_cpu(smoke_run):
    errors = []
    for device in ("cpu", "gpu"):
        train_all([smoke_run], device, 1, 1)
        errors.append(load_concentrations(smoke_run)["train_mixture_errors"].mean())
        smoke_run.model.unlink()
    assert errors[1] == pytest.approx(errors[0], rel=0.02)
