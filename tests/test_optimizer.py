"""Our optimizer and schedule against torch.optim, and what else decides an update."""

import pytest
import torch

from moaplus.mixture.fit import Optimizer, fit, start
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.mixture.objectives.moa import moa
from moaplus.mixture.optimizers.adam import adam
from moaplus.mixture.optimizers.sgd import sgd
from moaplus.mixture.schedules.constant import constant
from moaplus.mixture.schedules.one_cycle import one_cycle

HOW = {"batch_size": 20, "learning_rate": 0.01, "schedule": constant, "ridge": 1e-4}


@pytest.mark.parametrize(("updates", "decay"), [(2, 0), (3, 0.1), (7, 0), (100, 2), (1188, 0)])
def test_updates_are_those_of_torch_optim(updates, decay):
    target = torch.randn(5, generator=torch.Generator().manual_seed(0))
    ours, theirs = torch.zeros(5), torch.nn.Parameter(torch.zeros(5))
    adam = Optimizer(ours, weight_decay=decay)
    if decay:
        reference = torch.optim.AdamW([theirs], weight_decay=decay, fused=True)
    else:
        reference = torch.optim.Adam([theirs], fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        reference, 0.016, total_steps=updates, cycle_momentum=False
    )
    for update in range(updates):
        rate = one_cycle(update, updates, 0.016)
        assert rate == pytest.approx(reference.param_groups[0]["lr"], rel=1e-9)
        adam.step(4 * (ours - target) ** 3, rate)
        theirs.grad = 4 * (theirs.detach() - target) ** 3
        reference.step()
        if update < updates - 1:
            schedule.step()
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-9)


def test_a_single_update_has_a_finite_rate():
    assert 0 < one_cycle(0, 1, 0.016) <= 0.016


@pytest.mark.parametrize(("decay", "clip_norm"), [(0, 0), (0.1, 0), (0, 0.5), (0.1, 3)])
def test_sgd_and_clipping_are_those_of_torch(decay, clip_norm):
    target = torch.randn(5, generator=torch.Generator().manual_seed(0))
    ours, theirs = torch.zeros(5), torch.nn.Parameter(torch.zeros(5))
    optimizer = Optimizer(ours, sgd, weight_decay=decay, clip_norm=clip_norm)
    reference = torch.optim.SGD([theirs], lr=0.02, momentum=0.9, weight_decay=decay)
    for _ in range(20):
        optimizer.step(2 * (ours - target), 0.02)
        theirs.grad = 2 * (theirs.detach() - target)
        if clip_norm:
            torch.nn.utils.clip_grad_norm_([theirs], clip_norm)
        reference.step()
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-7)


def test_rates_are_of_parts_of_the_weights():
    first, second = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    whole = Optimizer(torch.cat([first, second]), rates=((5, 1.0), (5, 0.1)))
    parts = [Optimizer(first.clone()), Optimizer(second.clone())]
    for _ in range(3):
        gradient = torch.randn(10)
        whole.step(gradient, 0.5)
        for part, g, rate in zip(parts, gradient.split(5), (0.5, 0.05), strict=True):
            part.step(g, rate)
    assert torch.equal(whole.weights, torch.cat([part.weights for part in parts]))


@pytest.mark.parametrize("gate", ["small", "linear"])
@pytest.mark.parametrize("optimizer", [adam, sgd])
def test_pre_training_leaves_the_gate_as_it_was(gate, optimizer):
    torch.manual_seed(0)
    mixture, images = MixtureOfAutoencoders(2, "cae", (4, 8), 3, gate), torch.rand(40, 28, 28)
    state = start(mixture, 0, optimizer=optimizer)
    before = {name: weight.clone() for name, weight in mixture.state_dict().items()}
    fit(state, images, moa, epochs=2, pretrain=2, **HOW)
    for name, weight in mixture.state_dict().items():
        assert torch.equal(before[name], weight) == name.startswith("gate."), name
    fit(state, images, moa, epochs=3, pretrain=2, **HOW)
    assert not torch.equal(before["gate.1.weight"], mixture.state_dict()["gate.1.weight"])


def test_a_gate_may_stand_still_while_experts_learn():
    torch.manual_seed(0)
    mixture, images = MixtureOfAutoencoders(2, "cae", (4, 8), 3), torch.rand(40, 28, 28)
    before = {name: weight.clone() for name, weight in mixture.state_dict().items()}
    fit(start(mixture, 0, gate_rate=0), images, moa, epochs=1, **HOW)
    for name, weight in mixture.state_dict().items():
        assert torch.equal(before[name], weight) == name.startswith("gate."), name


def test_a_training_ends_where_its_callback_says_so():
    mixture, images = MixtureOfAutoencoders(2, "cae", (4, 8), 3), torch.rand(40, 28, 28)
    state = start(mixture, 0)
    fit(state, images, moa, epochs=9, after_epoch=lambda state: len(state.rows) == 3, **HOW)
    assert len(state.rows) == 3
