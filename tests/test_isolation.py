"""Torch's global state, which the clusterer neither uses nor changes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from moaplus.clusterer.estimator import MoAPlus
from moaplus.mixture.isolation import Isolation

# Trainings are short.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FEATURES = load_digits(n_class=2).data[:100]
IMAGES = FEATURES.reshape(-1, 8, 8)


def model(seed: int, **settings) -> MoAPlus:
    return MoAPlus(2, epochs=5, random_state=seed, **settings)


def drawn() -> list[torch.Tensor]:
    """Draw numbers in many ways."""
    like = torch.zeros(3)
    return [
        *(torch.rand(3), torch.randn(2, 2), torch.randint(9, (4,)), torch.randperm(5)),
        *(torch.rand_like(like), torch.randn_like(like), torch.bernoulli(torch.full((4,), 0.5))),
        *(torch.empty(3).uniform_(-1, 1), torch.normal(like, 1.0), torch.ones(3).exponential_()),
        *nn.Conv2d(2, 3, 3).state_dict().values(),
        *nn.BatchNorm1d(3).state_dict().values(),
        nn.init.trunc_normal_(torch.empty(3)),
    ]


def test_numbers_are_those_of_torch_with_the_same_seed():
    before = torch.get_rng_state()
    with Isolation(7):
        ours = drawn()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    torch.testing.assert_close(ours, drawn(), rtol=0, atol=0)


class GlobalState(ExitStack):
    """A context of a caller who has changed torch's global state."""

    def __enter__(self):
        self.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float64)
        self.enter_context(torch.no_grad())
        self.enter_context(torch.device("meta"))
        self.enter_context(torch.autocast("cpu", torch.bfloat16))
        torch.manual_seed(5)
        return super().__enter__()


@pytest.mark.parametrize("inference", [False, True])
def test_the_callers_state_changes_no_number(inference):
    with Isolation(7):
        plain = [*drawn(), torch.tensor([0.1]), torch.linspace(0, 1, 3), torch.eye(2)]
    with GlobalState(), torch.inference_mode(inference), Isolation(7):
        ours = [*drawn(), torch.tensor([0.1]), torch.linspace(0, 1, 3), torch.eye(2)]
        assert torch.is_grad_enabled()
    torch.testing.assert_close(ours, plain, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("X", "settings"),
    [(IMAGES, {}), (IMAGES, {"gate": "small", "objective": "moa_plus"}), (FEATURES, {})],
    ids=["images", "as published", "features"],
)
def test_the_callers_state_changes_no_result_and_stays(X, settings, tmp_path):
    weights = np.linspace(0.5, 1.5, len(X))
    plain = model(0, **settings).fit(X, sample_weight=weights)
    score, samples = plain.score(X), plain.score_samples(X)
    with GlobalState():
        before = torch.get_rng_state()
        again = model(0, **settings).fit(X, sample_weight=weights)
        again.save(tmp_path / "model.safetensors")
        read = MoAPlus.load(tmp_path / "model.safetensors")
        for one in (again, read):
            np.testing.assert_array_equal(one.predict_proba(X), plain.concentrations_)
            np.testing.assert_array_equal(one.score_samples(X), samples)
            assert one.score(X) == score
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.get_default_dtype() == torch.float64
        assert not torch.is_grad_enabled()


def test_two_threads_fit_as_each_would_alone():
    alone = [model(seed).fit(IMAGES).concentrations_ for seed in (0, 1)]
    together = threading.Barrier(2)

    def fit(seed: int) -> np.ndarray:
        together.wait()
        return model(seed).fit(IMAGES).concentrations_

    with ThreadPoolExecutor(2) as pool:
        for ours, theirs in zip(pool.map(fit, (0, 1)), alone, strict=True):
            np.testing.assert_array_equal(ours, theirs)
