"""The signed loss and its bounds against explicit sums and numpy.linalg, in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moaplus.theory.bounds import frobenius_bound, paper_bound, signed_loss

seeds = st.integers(0, 2**31)
experts = st.integers(2, 6)
sharpness = st.floats(0.1, 20)


def batch(seed: int, M: int, sharpness: float, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """P with Γ regular, and errors that are now light-, now heavy-tailed."""
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(M, 1 / sharpness), n) + 1e-3
    e = rng.random((n, M)) if seed % 2 else rng.pareto(1.0, (n, M))
    return P / P.sum(axis=1, keepdims=True), e


@given(seeds, experts, sharpness)
def test_signed_loss_is_the_sum_of_weighted_errors(seed, M, sharpness):
    P, e = batch(seed, M, sharpness)
    A = P @ np.linalg.inv(P.T @ P)
    expected = sum(A[i, k] * e[i, k] for i in range(len(P)) for k in range(M))
    size = np.abs(A * e).sum()
    assert signed_loss(P.T @ P, P.T @ e) == pytest.approx(expected, abs=1e-8 * size)
    n = len(P)
    assert signed_loss(P.T @ P / n, P.T @ e / n) == pytest.approx(expected, abs=1e-8 * size)


@given(seeds, experts, sharpness)
def test_the_bounds_are_products_of_norms(seed, M, sharpness):
    P, e = batch(seed, M, sharpness)
    gamma, E = P.T @ P, P.T @ e
    inverse = np.linalg.norm(np.linalg.inv(gamma), "fro")
    # As the slide has it: √Σ 1/λ² · √Σ_k (Σ_i p_i^k e_ik)².
    slide = np.sqrt(np.sum(1 / np.linalg.eigvalsh(gamma) ** 2)) * np.sqrt(
        sum(sum(P[i, k] * e[i, k] for i in range(len(P))) ** 2 for k in range(M))
    )
    assert paper_bound(gamma, E) == pytest.approx(slide, rel=1e-9)
    assert paper_bound(gamma, E) == pytest.approx(inverse * np.linalg.norm(np.diag(E)), rel=1e-6)
    assert frobenius_bound(gamma, E) == pytest.approx(inverse * np.linalg.norm(E), rel=1e-6)


@settings(max_examples=300)
@given(seeds, experts, sharpness)
def test_what_is_true_of_the_bounds(seed, M, sharpness):
    P, e = batch(seed, M, sharpness)
    gamma, E = P.T @ P, P.T @ e
    s, rounding = signed_loss(gamma, E), 1 + 1e-9
    assert abs(s) <= frobenius_bound(gamma, E) * rounding
    if M == 2 and s >= 0:
        assert s <= paper_bound(gamma, E) * rounding


@pytest.mark.parametrize(
    ("P", "e", "s"),
    [
        ([[0.1, 0.9], [0.6, 0.4]], [[1, 0], [0, 0]], -0.8),
        ([[0.0, 0.0, 1.0], [0.0, 0.5, 0.5], [0.5, 0.5, 0.0]], [[1, 0, 0], [0] * 3, [0] * 3], 1.0),
    ],
    ids=["M = 2, s < 0", "M = 3, s > 0"],
)
def test_counterexamples_to_the_papers_bound(P, e, s):
    P, e = np.array(P), np.array(e, dtype=float)
    gamma, E = P.T @ P, P.T @ e
    assert signed_loss(gamma, E) == pytest.approx(s)
    assert abs(s) > paper_bound(gamma, E)
    assert abs(s) <= frobenius_bound(gamma, E)


@pytest.mark.parametrize("function", [signed_loss, paper_bound, frobenius_bound])
def test_many_batches_at_once_in_numpy_and_torch(function):
    pairs = [batch(seed, 3, 2.0) for seed in range(5)]
    gammas = np.stack([P.T @ P for P, _ in pairs])
    errors = np.stack([P.T @ e for P, e in pairs])
    each = [function(gamma, E) for gamma, E in zip(gammas, errors, strict=True)]
    np.testing.assert_allclose(function(gammas, errors), each, rtol=1e-12)
    in_torch = function(torch.from_numpy(gammas), torch.from_numpy(errors))
    np.testing.assert_allclose(in_torch.numpy(), each, rtol=1e-9)


@pytest.mark.parametrize("function", [signed_loss, paper_bound, frobenius_bound])
def test_gradients_agree_with_finite_differences(function):
    P, e = (torch.from_numpy(values) for values in batch(1, 3, 1.0, n=6))

    def of_logits(logits, errors):
        weights = logits.softmax(dim=1)
        return function(weights.T @ weights, weights.T @ errors)

    assert torch.autograd.gradcheck(of_logits, (P.log().requires_grad_(), e.requires_grad_()))
