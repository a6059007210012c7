"""The mathematics of concentrations and objectives against explicit sums in numpy, float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moaplus.concentrations import gram, guarded_eigenvalues
from moaplus.objectives import OBJECTIVES, Outcome, moa, moa_plus, signed_loss

RIDGE = 1e-4


def outcome(seed: int, n: int = 12, experts: int = 3, sharpness: float = 2.0) -> Outcome:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 4, 4, generator=generator, dtype=torch.float64)
    reconstructions = torch.rand(experts, n, 4, 4, generator=generator, dtype=torch.float64)
    logits = sharpness * torch.randn(n, experts, generator=generator, dtype=torch.float64)
    return Outcome(images, reconstructions, logits, RIDGE)


def explicit(o: Outcome) -> tuple[np.ndarray, np.ndarray]:
    """P and e by loops over images and experts."""
    x, r, z = o.images.numpy(), o.reconstructions.numpy(), o.logits.numpy()
    n, M = z.shape
    P = np.array([[np.exp(z[i, k]) / np.exp(z[i]).sum() for k in range(M)] for i in range(n)])
    e = np.array([[np.mean((r[k, i] - x[i]) ** 2) for k in range(M)] for i in range(n)])
    return P, e


seeds = st.integers(0, 2**31)
experts = st.integers(2, 6)


@given(seeds, experts)
def test_errors_and_concentrations(seed, experts):
    o = outcome(seed, experts=experts)
    P, e = explicit(o)
    np.testing.assert_allclose(o.concentrations.numpy(), P, rtol=1e-12)
    np.testing.assert_allclose(o.errors.numpy(), e, rtol=1e-12)
    np.testing.assert_allclose(P.sum(axis=1), 1)


@given(seeds, experts)
def test_moa_is_the_error_of_the_mixed_reconstruction(seed, experts):
    o = outcome(seed, experts=experts)
    P, _ = explicit(o)
    x, r = o.images.numpy(), o.reconstructions.numpy()
    mixed = [sum(P[i, k] * r[k, i] for k in range(experts)) for i in range(len(x))]
    expected = np.mean([np.mean((x[i] - mixed[i]) ** 2) for i in range(len(x))])
    assert moa(o).item() == pytest.approx(expected, rel=1e-12)


@given(seeds, experts)
def test_moa_plus_is_the_papers_bound(seed, experts):
    o = outcome(seed, n=40, experts=experts, sharpness=4.0)
    P, e = explicit(o)
    eigenvalues = np.linalg.eigvalsh(P.T @ P)
    if eigenvalues[0] / len(P) < RIDGE:
        return  # the guard acts: tested below
    # As the slide has it, without division by n, which cancels.
    expected = np.sqrt(np.sum(1 / eigenvalues**2)) * np.sqrt(np.sum(np.sum(P * e, axis=0) ** 2))
    assert moa_plus(o).item() == pytest.approx(expected, rel=1e-9)


@given(seeds, experts)
def test_signed_loss_is_the_sum_with_minimax_weights(seed, experts):
    o = outcome(seed, n=40, experts=experts, sharpness=4.0)
    P, e = explicit(o)
    gamma = P.T @ P
    if np.linalg.eigvalsh(gamma)[0] / len(P) < RIDGE:
        return
    A = P @ np.linalg.inv(gamma)
    np.testing.assert_allclose(A.T @ P, np.eye(experts), atol=1e-8)
    assert signed_loss(o).item() == pytest.approx(np.sum(A * e), rel=1e-8, abs=1e-10)


@settings(max_examples=300)
@given(seeds, st.floats(0.1, 6))
def test_the_bound_holds_for_two_experts_where_the_signed_loss_is_not_negative(seed, sharpness):
    o = outcome(seed, experts=2, sharpness=sharpness)
    if guarded_eigenvalues(gram(o.concentrations), 0)[0] < RIDGE:
        return
    s = signed_loss(o)
    if s >= 0:
        assert s <= moa_plus(o) * (1 + 1e-9)


def test_the_bound_can_fail_where_the_signed_loss_is_negative():
    P = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]], dtype=torch.float64)
    images = torch.zeros(3, 1, 1, dtype=torch.float64)
    e = torch.tensor([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    o = Outcome(images, e.T.sqrt()[:, :, None, None], P.log(), RIDGE)
    assert signed_loss(o) < 0
    assert -signed_loss(o) > moa_plus(o)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize(
    "logits",
    [
        torch.zeros(8, 3),
        torch.eye(3).repeat(3, 1)[:8] * 1e4,
        torch.tensor([0.0, 0.0, -1e4]).repeat(8, 1),
        torch.randn(2, 3, generator=torch.Generator().manual_seed(0)),
        torch.randn(8, 3, generator=torch.Generator().manual_seed(0)),
    ],
    ids=["uniform", "one-hot", "dead expert", "n < M", "random"],
)
def test_objectives_are_finite_with_finite_gradients(name, logits):
    generator = torch.Generator().manual_seed(1)
    logits = logits.clone().requires_grad_()
    reconstructions = torch.rand(3, len(logits), 4, 4, generator=generator).requires_grad_()
    o = Outcome(torch.rand(len(logits), 4, 4, generator=generator), reconstructions, logits, RIDGE)
    value = OBJECTIVES[name](o)
    value.backward()
    assert value.isfinite()
    assert logits.grad.isfinite().all()
    assert reconstructions.grad.isfinite().all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_agree_with_finite_differences(name):
    o = outcome(0, n=6)

    def objective(reconstructions, logits):
        return OBJECTIVES[name](Outcome(o.images, reconstructions, logits, RIDGE))

    inputs = (o.reconstructions.requires_grad_(), o.logits.requires_grad_())
    assert torch.autograd.gradcheck(objective, inputs)


@pytest.mark.parametrize("name", OBJECTIVES)
@given(seed=seeds, order=st.permutations(range(4)))
def test_objectives_do_not_depend_on_the_order_of_experts(name, seed, order):
    o = outcome(seed, n=30, experts=4)
    permuted = Outcome(o.images, o.reconstructions[order], o.logits[:, order], RIDGE)
    assert OBJECTIVES[name](o).item() == pytest.approx(OBJECTIVES[name](permuted).item(), rel=1e-6)


@given(seeds, experts)
def test_the_guard_leaves_well_conditioned_gram_matrices_alone(seed, experts):
    P = outcome(seed, n=50, experts=experts, sharpness=8.0).concentrations
    eigenvalues = np.linalg.eigvalsh(P.numpy().T @ P.numpy() / len(P))
    guarded = guarded_eigenvalues(gram(P), RIDGE).numpy()
    if eigenvalues[0] >= RIDGE:
        np.testing.assert_allclose(guarded, eigenvalues, rtol=1e-9)
    else:
        assert guarded[0] == pytest.approx(RIDGE)
