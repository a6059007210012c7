"""Objectives against explicit sums in numpy, float64, and on gates that make Γ singular."""

import dataclasses
import importlib
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from workspace import ROOT, read_yaml

from moaplus.mixture.layers import SIDE
from moaplus.mixture.outcome import Outcome, residual_products, shift_spectrum
from moaplus.plan.choices import constants, names

OBJECTIVES = {
    name: getattr(importlib.import_module(f"moaplus.mixture.objectives.{name}"), name)
    for name in names("mixture/objectives")
}
RIDGE = 1e-4
PARAMS = read_yaml(ROOT / "params.yaml")
SIGMA, BALANCE, Z = 0.7, 0.3, 0.2
CONSTANTS = {"hinton": {"sigma": SIGMA}, "st_moe": {"balance": BALANCE, "z": Z}}

seeds = st.integers(0, 2**31)
experts = st.integers(2, 6)


@dataclass
class Batch:
    """Images, what M experts make of them, and the gate's logits."""

    images: torch.Tensor
    reconstructions: torch.Tensor
    logits: torch.Tensor
    views: torch.Tensor | None = None

    @property
    def outcome(self) -> Outcome:
        products = residual_products(self.images, self.reconstructions)
        return Outcome(products, self.logits, self.views, ridge=RIDGE)


def batch(seed: int, n: int = 40, experts: int = 3, sharpness: float = 4.0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 4, 4, generator=generator, dtype=torch.float64)
    reconstructions = torch.rand(experts, n, 4, 4, generator=generator, dtype=torch.float64)
    logits = sharpness * torch.randn(n, experts, generator=generator, dtype=torch.float64)
    return Batch(images, reconstructions, logits)


def value(name: str, b: Batch) -> torch.Tensor:
    return OBJECTIVES[name](b.outcome, **CONSTANTS.get(name, {})).mean()


def explicit(b: Batch) -> tuple[np.ndarray, np.ndarray]:
    """P and e by loops over images and experts."""
    x, r, z = b.images.numpy(), b.reconstructions.numpy(), b.logits.numpy()
    n, M = z.shape
    P = np.array([[np.exp(z[i, k]) / np.exp(z[i]).sum() for k in range(M)] for i in range(n)])
    e = np.array([[np.mean((r[k, i] - x[i]) ** 2) for k in range(M)] for i in range(n)])
    return P, e


def by_hand(name: str, b: Batch) -> float:
    """Compute the objective of a batch whose Γ needs no guard."""
    P, e = explicit(b)
    n, M = P.shape
    images, x = range(n), b.images.numpy()
    mixed = np.einsum("im,mihw->ihw", P, b.reconstructions.numpy())
    moa = sum(np.mean((x[i] - mixed[i]) ** 2) for i in images) / n
    if name == "moa":
        return moa
    if name == "moe":
        return sum(P[i, k] * e[i, k] for i in images for k in range(M)) / n
    if name == "hinton":
        densities = [
            sum(P[i, k] * np.exp(-(SIDE**2) * e[i, k] / (2 * SIGMA**2)) for k in range(M))
            for i in images
        ]
        return -np.mean(np.log(densities))
    if name == "st_moe":
        winners = P.argmax(axis=1)
        balance = M * sum(np.mean(winners == k) * P[:, k].mean() for k in range(M))
        z = np.mean([np.log(np.exp(row).sum()) ** 2 for row in b.logits.numpy()])
        return moa + BALANCE * balance + Z * z
    gamma, E = P.T @ P, P.T @ e
    norm = np.linalg.norm(np.linalg.inv(gamma))
    diagonal = np.linalg.norm(np.diag(E))
    joint = gamma / n
    return {
        "moa_plus": norm * diagonal,
        "moa_plus_exact": abs(np.sum((P @ np.linalg.inv(gamma)) * e)),
        "moa_plus_frobenius": norm * np.linalg.norm(E),
        "moa_plus_views": -np.log(np.linalg.det(joint)) + np.log(diagonal / n),
        "moa_plus_one_view": -np.log(np.linalg.det(joint)) + np.log(diagonal / n),
        "moa_plus_views_frobenius": np.log(norm * diagonal),
        "moa_plus_views_paper": norm * diagonal,
        "iic": np.log(diagonal / n) - mutual_information(joint),
    }[name]


def mutual_information(joint: np.ndarray) -> float:
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    entropies = [-(p * np.log(p)).sum() for p in (rows, columns, joint.ravel())]
    return entropies[0] + entropies[1] - entropies[2]


def test_every_objective_has_its_constants_in_params_and_here():
    for name in OBJECTIVES:
        assert constants(name) == set(CONSTANTS.get(name, {}))
        assert constants(name) == set(PARAMS["objectives"].get(name, {}))


@given(seeds, experts)
def test_errors_and_concentrations(seed, experts):
    b = batch(seed, experts=experts)
    P, e = explicit(b)
    o = b.outcome
    np.testing.assert_allclose(o.concentrations.numpy(), P, rtol=1e-12)
    np.testing.assert_allclose(o.errors.numpy(), e, rtol=1e-12)
    mixed = np.einsum("im,mihw->ihw", P, b.reconstructions.numpy())
    squares = ((mixed - b.images.numpy()) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(o.mixture_errors.numpy(), squares, rtol=1e-9)
    np.testing.assert_allclose(o.gram.numpy(), P.T @ P / len(P), rtol=1e-12)
    np.testing.assert_allclose(o.cross_errors.numpy(), P.T @ e / len(P), rtol=1e-12)
    np.testing.assert_allclose(P.sum(axis=1), 1)


@pytest.mark.parametrize("name", OBJECTIVES)
@given(seed=seeds, experts=experts)
def test_objectives_are_their_formulas(name, seed, experts):
    b = batch(seed, experts=experts)
    if torch.linalg.eigvalsh(b.outcome.gram)[0] < RIDGE:
        return  # the guard acts: tested below
    assert value(name, b).item() == pytest.approx(by_hand(name, b), rel=1e-7, abs=1e-9)


@given(seed=seeds, experts=experts, heads=st.integers(1, 3))
def test_objectives_of_two_views_are_their_formulas_head_by_head(seed, experts, heads):
    b = batch(seed, experts=experts)
    generator = torch.Generator().manual_seed(seed)
    common = 4 * torch.randn(heads, 40, experts, generator=generator, dtype=torch.float64)
    noise = torch.randn(2, heads, 40, experts, generator=generator, dtype=torch.float64)
    o = dataclasses.replace(b, views=common + noise / 2).outcome
    _, e = explicit(b)
    error = np.log(np.linalg.norm(np.diag(o.concentrations.numpy().T @ e / 40)))
    for head in range(heads):
        P, Q = np.exp((common[head] + noise[:, head] / 2).numpy())
        P, Q = P / P.sum(axis=1, keepdims=True), Q / Q.sum(axis=1, keepdims=True)
        both = [(P.T @ Q + Q.T @ P) / 80, (P.T @ P + Q.T @ Q) / 80]
        if min(np.linalg.eigvalsh(gram)[0] for gram in both) < RIDGE:
            continue
        norm = np.linalg.norm(np.linalg.inv(both[0]))
        for name, expected in {
            "moa_plus_views": error - np.log(np.linalg.det(both[0])),
            "moa_plus_one_view": error - np.log(np.linalg.det(both[1])),
            "moa_plus_views_frobenius": error + np.log(norm),
            "moa_plus_views_paper": np.exp(error) * norm,
            "iic": error - mutual_information(both[0]),
        }.items():
            assert OBJECTIVES[name](o)[head].item() == pytest.approx(expected, rel=1e-7, abs=1e-9)


GATES = {
    "uniform": torch.zeros(8, 3),
    "one-hot": torch.eye(3).repeat(3, 1)[:8] * 1e4,
    "dead expert": torch.tensor([0.0, 0.0, -1e4]).repeat(8, 1),
    "one expert alone": torch.tensor([1e4, 0.0, 0.0]).repeat(8, 1),
    "n < M": torch.randn(2, 3, generator=torch.Generator().manual_seed(0)),
    "random": torch.randn(8, 3, generator=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("gate", GATES)
def test_objectives_are_finite_with_finite_gradients(name, gate):
    generator = torch.Generator().manual_seed(1)
    logits = GATES[gate].clone().requires_grad_()
    reconstructions = torch.rand(3, len(logits), 4, 4, generator=generator).requires_grad_()
    images = torch.rand(len(logits), 4, 4, generator=generator)
    result = value(name, Batch(images, reconstructions, logits))
    result.backward()
    assert result.isfinite()
    assert logits.grad.isfinite().all()
    assert reconstructions.grad.isfinite().all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_perfect_reconstructions_give_finite_gradients(name):
    b = batch(0)
    reconstructions = b.images.expand(3, -1, -1, -1).clone().requires_grad_()
    logits = b.logits.clone().requires_grad_()
    value(name, Batch(b.images, reconstructions, logits)).backward()
    assert reconstructions.grad.isfinite().all()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_agree_with_finite_differences(name):
    b = batch(0, n=6, sharpness=2.0)

    def objective(reconstructions, logits):
        return value(name, Batch(b.images, reconstructions, logits))

    inputs = (b.reconstructions.requires_grad_(), b.logits.requires_grad_())
    assert torch.autograd.gradcheck(objective, inputs)


@pytest.mark.parametrize("name", OBJECTIVES)
@given(seed=seeds, order=st.permutations(range(4)))
def test_objectives_do_not_depend_on_the_order_of_experts(name, seed, order):
    b = batch(seed, experts=4)
    permuted = Batch(b.images, b.reconstructions[order], b.logits[:, order])
    expected = value(name, b).item()
    assert value(name, permuted).item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(seeds, experts, st.floats(0.01, 8))
def test_the_guard_shifts_the_spectrum_where_it_is_too_small_and_only_there(
    seed, experts, sharpness
):
    o = batch(seed, experts=experts, sharpness=sharpness).outcome
    eigenvalues = np.linalg.eigvalsh(o.gram.numpy())
    shifted = np.linalg.eigvalsh(shift_spectrum(o.gram, RIDGE).numpy())
    shift = max(0, RIDGE - eigenvalues[0])
    np.testing.assert_allclose(shifted, eigenvalues + shift, rtol=1e-9, atol=1e-14)


@given(seeds, experts)
def test_top_1_routing_has_the_values_of_hard_and_the_gradient_of_soft_concentrations(seed, M):
    b = batch(seed, experts=M)
    logits = b.logits.clone().requires_grad_()
    outcome = dataclasses.replace(b.outcome, logits=logits, top_1=True)
    P = outcome.concentrations
    torch.testing.assert_close(P.detach(), torch.eye(M, dtype=P.dtype)[b.logits.argmax(dim=1)])
    torch.testing.assert_close(
        outcome.mixture_errors,
        outcome.errors.gather(1, b.logits.argmax(dim=1, keepdim=True)).squeeze(1),
    )
    weights = torch.rand_like(P)
    (ours,) = torch.autograd.grad((P * weights).sum(), logits)
    soft = b.logits.clone().requires_grad_()
    (theirs,) = torch.autograd.grad((soft.softmax(dim=1) * weights).sum(), soft)
    torch.testing.assert_close(ours, theirs)
