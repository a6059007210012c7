"""The same code on a GPU; nothing of this is run where there is none."""

import pytest
import torch

from moaplus import MoAPlus
from moaplus.data.images import load_images
from moaplus.mixture.networks import Flat, MixtureOfAutoencoders
from moaplus.plan.choices import names
from moaplus.runs.evaluation import evaluate
from moaplus.runs.folder import load_concentrations, read_header
from moaplus.runs.training import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.mark.parametrize("architecture", names("mixture/architectures"))
def test_gradients_are_those_of_the_cpu(architecture):
    torch.manual_seed(0)
    mixture = MixtureOfAutoencoders(3, architecture, (4, 6), 5).double()
    images = torch.rand(9, 28, 28, dtype=torch.float64)

    def made_by(network: Flat, device: str) -> torch.Tensor:
        products, logits = network(images.to(device))
        return network.gradient(products.square().sum() + logits.square().sum()).cpu().clone()

    expected = made_by(Flat(mixture), "cpu")
    torch.testing.assert_close(made_by(mixture.to("cuda").flat(), "cuda"), expected)


@pytest.mark.parametrize("name", ["smoke_run", "two_views_run"])
def test_a_run_on_a_gpu_says_so_and_gives_the_same_bytes_again(name, request):
    run, made = request.getfixturevalue(name), []
    for _ in range(2):
        train(run, "gpu")
        evaluate(run, "gpu")
        made.append([path.read_bytes() for path in run.files])
        assert torch.cuda.get_device_name() in read_header(run).made_on
        for path in (run.model, run.history):
            path.unlink()
    assert made[0] == made[1]


def test_the_estimator_gives_the_same_again_for_the_same_random_state(smoke_run):
    images = load_images(smoke_run.selection)["train"]
    first, second = (
        MoAPlus(2, epochs=3, random_state=0, device="cuda").fit(images) for _ in range(2)
    )
    assert first.loss_curve_ == second.loss_curve_
    assert (first.concentrations_ == second.concentrations_).all()


def test_losses_are_near_those_of_the_cpu(smoke_run):
    errors = []
    for device in ("cpu", "gpu"):
        train(smoke_run, device)
        evaluate(smoke_run, device)
        errors.append(load_concentrations(smoke_run)["train_mixture_errors"].mean())
        smoke_run.model.unlink()
    assert errors[1] == pytest.approx(errors[0], rel=0.02)
