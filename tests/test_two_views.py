"""What the audit says of two views, against torch's autograd, eigenvalues and plain sums."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from moaplus.audit import two_view_theory
from moaplus.audit.probes import two_views
from moaplus.report.claims import FAILS, HOLDS, Verdict
from moaplus.theory.bounds import determinant_bound, frobenius_bound
from moaplus.theory.concentrations import two_view_gram

seeds, experts = st.integers(0, 2**31), st.integers(2, 6)


def views(seed: int, M: int, n: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Concentrations of two views that have something in common, and errors."""
    rng = np.random.default_rng(seed)
    common = rng.dirichlet(np.full(M, 0.3), n) + 0.01
    P, Q = (np.stack([rng.dirichlet(20 * row) for row in common]) for _ in range(2))
    return P, Q, rng.pareto(1.0, (n, M))


@given(seeds, experts)
def test_the_gram_matrix_is_a_mean_of_symmetrised_products(seed, M):
    P, Q, _ = views(seed, M)
    expected = sum(np.outer(p, q) + np.outer(q, p) for p, q in zip(P, Q, strict=True)) / 2 / len(P)
    np.testing.assert_allclose(two_view_gram(P, Q), expected)
    D, mean = (P - Q) / 2, (P + Q) / 2
    np.testing.assert_allclose(two_view_gram(P, Q), (mean.T @ mean - D.T @ D) / len(P), atol=1e-12)


@given(seeds, experts)
def test_the_determinant_bound_is_above_the_frobenius_bound(seed, M):
    P, Q, e = views(seed, M)
    gamma, E = P.T @ P / len(P), P.T @ e / len(P)
    bound = determinant_bound(gamma, E)
    by_eigenvalues = np.prod(1 / np.linalg.eigvalsh(gamma)) * np.linalg.norm(E)
    assert bound == pytest.approx(by_eigenvalues * M**0.5 / (M - 1) ** (M - 1))
    assert frobenius_bound(gamma, E) <= bound
    two, mean = two_view_gram(P, Q), (P + Q) / 2
    if np.linalg.eigvalsh(two)[0] > 0:
        A, E = mean @ np.linalg.inv(mean.T @ mean), mean.T @ e / len(P)
        assert abs((A * e).sum()) <= determinant_bound(two, E)


@given(seeds, experts)
def test_the_gradient_is_minus_the_weights_of_the_other_view(seed, M):
    P, Q, _ = map(torch.from_numpy, views(seed, M))
    P.requires_grad_()
    (gradient,) = torch.autograd.grad(-two_view_gram(P, Q).logdet(), P)
    if gradient.isfinite().all():  # a negative determinant has no logarithm
        gamma = (P.T @ Q + Q.T @ P) / 2
        torch.testing.assert_close(gradient, -Q @ torch.linalg.inv(gamma))


@given(seeds, experts)
def test_no_determinant_is_larger_than_that_of_balanced_one_hot_invariant_views(seed, M):
    P, Q, _ = views(seed, M)
    assert abs(np.linalg.det(two_view_gram(P, Q))) <= M**-M * (1 + 1e-9)
    best = np.tile(np.eye(M), (3, 1))
    assert np.linalg.det(two_view_gram(best, best)) == pytest.approx(M**-M)


def test_the_sections_follow_from_their_probes(monkeypatch):
    rows = two_views.measure(None)
    batches = rows.assign(
        draws=10, determinant_violations=0, trained_violations=0, median_determinant_ratio=0.5
    )

    def verdicts(**changed: object) -> list[Verdict]:
        frames = {"two_views": rows.assign(**changed), "random_batches": batches}
        monkeypatch.setattr(two_view_theory, "read_probe", frames.get)
        return [section.verdict for section in two_view_theory.two_views(None)]

    optimum = Verdict(HOLDS, "where Γ' is positive definite, not otherwise")
    assert verdicts() == [Verdict(HOLDS), Verdict(HOLDS), Verdict(HOLDS), optimum]
    assert verdicts(broken=1)[0] == Verdict(FAILS)
    assert verdicts(two_views=5.0)[1] == Verdict(FAILS)
    assert verdicts(gradient_error=0.1)[2] == Verdict(FAILS)
    assert verdicts(least=-0.1)[3] == Verdict(FAILS)
    assert (rows["one_view"] > 20).all()  # which the check of two views would notice
    assert (rows["mean_one_view"] > 3 * rows["mean_instrument"])[rows["noise"] == 10].all()
