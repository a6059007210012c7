"""Estimates from mixtures with varying concentrations against explicit sums in numpy, float64."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import norm

from moaplus.theory.concentrations import (
    Regression,
    gram,
    improved_edf,
    minimax_weights,
    modified_least_squares,
    weighted_covariance,
    weighted_edf,
    weighted_mean,
)

KINDS = {
    "numpy-float64": lambda values: np.asarray(values, dtype=np.float64),
    "numpy-float32": lambda values: np.asarray(values, dtype=np.float32),
    "torch-float64": lambda values: torch.tensor(values, dtype=torch.float64),
    "torch-float32": lambda values: torch.tensor(values, dtype=torch.float32),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
seeds = st.integers(0, 2**31)


def simplex(rng: np.random.Generator, n: int, M: int, alpha: float) -> np.ndarray:
    return rng.dirichlet(np.full(M, alpha), n)


@st.composite
def concentrations(draw, smallest: float = 1e-5) -> np.ndarray:
    """P from a Dirichlet distribution, or shrunk towards uniform until it is nearly singular."""
    rng = np.random.default_rng(draw(seeds))
    M = draw(st.integers(1, 5))
    P = simplex(rng, draw(st.integers(M, 40)), M, draw(st.sampled_from([0.1, 1.0, 10.0])))
    P = 1 / M + draw(st.sampled_from([1.0, 1e-2, 1e-4])) * (P - 1 / M)
    assume(np.linalg.svd(P, compute_uv=False)[-1] > smallest)
    return P


def sample(seed: int, n: int = 25, M: int = 3, d: int = 2):
    rng = np.random.default_rng(seed)
    P = simplex(rng, n, M, 0.5)
    return P, minimax_weights(P), rng.normal(size=(n, d)), rng.normal(size=n)


def test_importing_the_module_loads_nothing_heavy():
    code = (
        "import sys, moaplus.theory.concentrations;"
        "print({'torch', 'scipy', 'pandas'} & {*sys.modules})"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


@every_kind
def test_results_have_the_kind_and_dtype_of_the_input(kind):
    P, _, X, y = map(kind, sample(0))
    A = minimax_weights(P)
    regression = modified_least_squares(P, X, y)
    results = [
        (gram(P), (3, 3)),
        (A, (25, 3)),
        (minimax_weights(P, ridge=0.1), (25, 3)),
        (weighted_edf(A, y, y[:4]), (4, 3)),
        (weighted_edf(A, X, X[:4]), (4, 3)),
        (improved_edf(A, y, y[:4]), (4, 3)),
        (weighted_mean(A, X), (3, 2)),
        (weighted_mean(A, y), (3,)),
        (weighted_covariance(A, X), (3, 2, 2)),
        (regression.coefficients, (3, 2)),
        (regression.covariance, (3, 2, 2)),
        (regression.intervals(), (3, 2, 2)),
    ]
    for result, shape in results:
        assert (type(result), result.dtype, tuple(result.shape)) == (type(P), P.dtype, shape)


@every_kind
def test_gram_is_the_mean_of_products(kind):
    P = sample(0)[0]
    expected = [[np.mean(P[:, k] * P[:, j]) for j in range(3)] for k in range(3)]
    np.testing.assert_allclose(np.asarray(gram(kind(P))), expected, rtol=1e-6)


@every_kind
@given(P=concentrations(smallest=1e-3))
def test_minimax_weights_are_the_papers(kind, P):
    A = np.asarray(minimax_weights(kind(P)))
    P, eps = P.astype(A.dtype).astype(float), np.finfo(A.dtype).eps
    singular_values = np.linalg.svd(P, compute_uv=False)
    condition = singular_values[0] / singular_values[-1]
    accurate = {"rtol": 0, "atol": 100 * eps * condition / singular_values[-1]}
    np.testing.assert_allclose(A.T @ P, np.eye(P.shape[1]), rtol=0, atol=100 * eps * condition)
    np.testing.assert_allclose(A, np.linalg.pinv(P).T, **accurate)
    np.testing.assert_allclose(A, np.linalg.lstsq(P, np.eye(len(P)))[0].T, **accurate)
    if condition < 1e4:
        inverse = P @ np.linalg.inv(P.T @ P)
        np.testing.assert_allclose(A, inverse, atol=1e-6 + accurate["atol"])


@given(concentrations())
def test_minimax_weights_of_each_component_sum_to_one(P):
    np.testing.assert_allclose(minimax_weights(P).sum(axis=0), 1, atol=1e-8)


def test_minimax_weights_are_as_well_conditioned_as_p():
    P = 0.5 + 1e-7 * (simplex(np.random.default_rng(0), 50, 2, 1.0) - 0.5)
    assert np.abs(minimax_weights(P).T @ P - np.eye(2)).max() < 1e-6
    assert np.abs(np.linalg.inv(P.T @ P) @ (P.T @ P) - np.eye(2)).max() > 1e-3


@every_kind
@given(P=concentrations(), ridge=st.floats(1e-3, 10))
def test_ridge(kind, P, ridge):
    expected = P @ np.linalg.inv(P.T @ P + len(P) * ridge * np.eye(P.shape[1]))
    A = np.asarray(minimax_weights(kind(P), ridge))
    np.testing.assert_allclose(A, expected, rtol=0, atol=1e-3 if A.dtype == np.float32 else 1e-10)


HALF = np.random.default_rng(0).dirichlet([1, 1], 20)
SINGULAR = {
    "equal": (
        np.column_stack([HALF[:, 0] / 2, HALF[:, 0] / 2, HALF[:, 1]]),
        "rank 2 for 3 components: components 0, 1 cannot be told apart;",
    ),
    "dead": (
        np.column_stack([HALF[:, 0], np.zeros(20), HALF[:, 1]]),
        "the concentration of component 1 is zero everywhere",
    ),
    "two pairs": (
        np.column_stack([HALF / 2, HALF / 2])[:, [0, 2, 1, 3]],
        "rank 2 for 4 components: components 0, 1 cannot be told apart; "
        "components 2, 3 cannot be told apart;",
    ),
    "equal and dead": (
        np.column_stack([HALF[:, 0] / 2, HALF[:, 1], np.zeros(20), HALF[:, 0] / 2]),
        "components 0, 3 cannot be told apart; the concentration of component 2 is zero",
    ),
    "uniform": (np.full((20, 3), 1 / 3), "rank 1 .*components 0, 1, 2 cannot be told apart;"),
    "n < M": (
        simplex(np.random.default_rng(0), 2, 3, 1.0),
        "rank 2 for 3 components: components 0, 1, 2 cannot be told apart;",
    ),
    "all zero": (np.zeros((4, 2)), "rank 0 .*component 0 is zero .*component 1 is zero"),
}


@every_kind
@pytest.mark.parametrize(("P", "message"), SINGULAR.values(), ids=SINGULAR)
def test_singular_concentrations_are_named_and_a_ridge_helps(kind, P, message):
    with pytest.raises(np.linalg.LinAlgError, match=f"{message}.*ridge > 0"):
        minimax_weights(kind(P))
    expected = P @ np.linalg.inv(P.T @ P + len(P) * 0.01 * np.eye(P.shape[1]))
    np.testing.assert_allclose(np.asarray(minimax_weights(kind(P), 0.01)), expected, atol=1e-4)


@given(seeds, st.lists(st.integers(1, 3), min_size=1, max_size=3), st.randoms())
def test_components_that_share_one_shape_are_named_together(seed, sizes, random):
    assume(max(sizes) > 1)
    rng = np.random.default_rng(seed)
    groups = np.repeat(range(len(sizes)), sizes)
    random.shuffle(groups)
    P = simplex(rng, 30, len(sizes), 1.0)[:, groups] * rng.uniform(0.5, 1, len(groups))
    with pytest.raises(np.linalg.LinAlgError) as error:
        minimax_weights(P)
    named = [
        ", ".join(map(str, np.flatnonzero(groups == g))) for g in range(len(sizes)) if sizes[g] > 1
    ]
    assert all(f"components {names} cannot be told apart" in str(error.value) for names in named)
    assert str(error.value).count("cannot be told apart") == len(named)


@pytest.mark.parametrize(
    ("P", "ridge"),
    [
        (np.ones(3), 0),
        (np.ones((0, 2)), 0),
        (np.ones((2, 1, 1)), 0),
        (np.array([[1, 0], [0, 1]]), 0),
        (np.array([[0.5, np.nan]]), 0),
        (np.array([[0.5, np.inf]]), 0.1),
        (np.eye(2), -0.1),
    ],
)
def test_what_are_no_concentrations_is_refused(P, ridge):
    with pytest.raises(ValueError, match="must"):
        minimax_weights(P, ridge)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_gradients_of_minimax_weights_agree_with_finite_differences(ridge):
    P = torch.tensor(sample(0, n=6)[0]).requires_grad_()
    assert torch.autograd.gradcheck(lambda P: minimax_weights(P, ridge), P)


@every_kind
@given(seed=seeds)
def test_weighted_edf_of_scalars_and_vectors_by_loops(kind, seed):
    _, A, _, _ = sample(seed)
    rng = np.random.default_rng(seed)
    samples, points = rng.integers(0, 6, (25, 2)), rng.integers(-1, 8, (7, 2))
    below = [[all(s[c] < x[c] for c in range(2)) for s in samples] for x in points]
    below_first = [[s[0] < x[0] for s in samples] for x in points]
    for indicator, cut in ((below, np.s_[:]), (below_first, np.s_[:, 0])):
        expected = [
            [sum(A[i, k] for i in range(25) if row[i]) for k in range(3)] for row in indicator
        ]
        F = weighted_edf(kind(A), kind(samples[cut]), kind(points[cut]))
        np.testing.assert_allclose(np.asarray(F), expected, atol=1e-4 * np.abs(A).max())


def test_weighted_edf_refuses_points_of_another_dimension():
    _, A, X, y = sample(0)
    for points in (X, X[:, :1]):
        with pytest.raises(ValueError, match="dimension"):
            weighted_edf(A, y if points is X else X, points)


@every_kind
@given(seed=seeds)
def test_improved_edf_is_a_distribution_function_by_brute_force(kind, seed):
    _, A, _, _ = sample(seed)
    samples = np.random.default_rng(seed).integers(0, 10, 25)
    ys, points = np.arange(-2, 12, 0.25), np.arange(-1, 11, 0.5)
    F = np.array([A[samples < y].sum(axis=0) for y in ys])
    upper = np.array([F[ys < x].max(axis=0) for x in points]).clip(max=1)
    lower = np.array([F[ys >= x].min(axis=0) for x in points]).clip(min=0)
    improved = np.asarray(improved_edf(kind(A), kind(samples), kind(points)))
    tolerance = 1e-4 if improved.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(improved, (upper + lower) / 2, atol=tolerance)
    assert (np.diff(improved, axis=0) >= 0).all()
    assert improved.min() >= 0
    assert improved.max() <= 1
    np.testing.assert_allclose(improved[0], 0)
    np.testing.assert_allclose(improved[-1], 1, atol=tolerance)


def test_improved_edf_improves_something():
    _, A, _, y = sample(0)
    assert (A < 0).any()
    points = np.linspace(-3, 3, 50)
    assert np.abs(improved_edf(A, y, points) - weighted_edf(A, y, points)).max() > 0.01


@given(seeds, st.integers(1, 4))
def test_improved_edf_equals_the_plain_one_where_no_weight_is_negative(seed, M):
    rng = np.random.default_rng(seed)
    A = simplex(rng, M, 20, 0.5).T
    samples, points = rng.integers(0, 9, (2, 20)).astype(float)
    plain = weighted_edf(A, samples, points)
    np.testing.assert_allclose(improved_edf(A, samples, points), plain, atol=1e-12)


@given(seeds)
def test_weighted_moments_by_loops(seed):
    _, A, X, y = sample(seed)
    means = [[sum(A[i, k] * X[i, c] for i in range(25)) for c in range(2)] for k in range(3)]
    np.testing.assert_allclose(weighted_mean(A, X), means, atol=1e-10)
    np.testing.assert_allclose(weighted_mean(A, y), [A[:, k] @ y for k in range(3)], atol=1e-10)
    covariances = [
        sum(A[i, k] * np.outer(X[i], X[i]) for i in range(25)) - np.outer(means[k], means[k])
        for k in range(3)
    ]
    np.testing.assert_allclose(weighted_covariance(A, X), covariances, atol=1e-8)


def test_moments_of_one_component_are_the_ordinary_ones():
    X = sample(0)[2]
    A = minimax_weights(np.ones((25, 1)))
    np.testing.assert_allclose(weighted_mean(A, X)[0], X.mean(axis=0))
    np.testing.assert_allclose(weighted_covariance(A, X)[0], np.cov(X.T, bias=True))


@every_kind
@given(seed=seeds)
def test_modified_least_squares_by_loops(kind, seed):
    P, A, X, y = sample(seed, n=15, M=2)
    regression = modified_least_squares(*map(kind, (P, X, y)))
    for m in range(2):
        D = sum(A[i, m] * np.outer(X[i], X[i]) for i in range(15))
        assume(np.linalg.cond(D) < 20 and np.linalg.norm(D) > 0.2)
        b = np.linalg.inv(D) @ sum(A[i, m] * X[i] * y[i] for i in range(15))
        g = [(y[i] - X[i] @ b) * X[i] for i in range(15)]
        S = [sum(A[i, s] * np.outer(g[i], g[i]) for i in range(15)) for s in range(2)]
        z = [sum(A[i, s] * g[i] for i in range(15)) for s in range(2)]
        middle = np.zeros((2, 2))
        for i in range(15):
            mean = sum(P[i, s] * z[s] for s in range(2))
            second = sum(P[i, s] * S[s] for s in range(2))
            middle += A[i, m] ** 2 * (second - np.outer(mean, mean))
        covariance = np.linalg.inv(D) @ middle @ np.linalg.inv(D)
        atol = 1e-3 if "float32" in str(regression.covariance.dtype) else 1e-9
        atol *= 1 + np.abs(covariance).max()
        np.testing.assert_allclose(np.asarray(regression.coefficients[m]), b, atol=atol)
        np.testing.assert_allclose(np.asarray(regression.covariance[m]), covariance, atol=atol)


@given(seeds)
def test_one_component_gives_ordinary_least_squares_with_hc0(seed):
    _, _, X, y = sample(seed)
    regression = modified_least_squares(np.ones((25, 1)), X, y)
    b = np.linalg.lstsq(X, y)[0]
    bread = np.linalg.inv(X.T @ X)
    hc0 = bread @ X.T @ np.diag((y - X @ b) ** 2) @ X @ bread
    np.testing.assert_allclose(regression.coefficients[0], b, atol=1e-10)
    np.testing.assert_allclose(regression.covariance[0], hc0, atol=1e-10)


@given(seeds)
def test_regression_on_ones_gives_means_and_distribution_functions(seed):
    P, A, _, y = sample(seed)
    ones = np.ones((25, 1))
    mean = modified_least_squares(P, ones, y)
    np.testing.assert_allclose(mean.coefficients[:, 0], weighted_mean(A, y), atol=1e-9)
    edf = modified_least_squares(P, ones, (y < 0.3).astype(float)).coefficients[:, 0]
    np.testing.assert_allclose(edf, weighted_edf(A, y, np.array([0.3]))[0], atol=1e-9)
    # The variance of a mean as the function sdMean of Maiboroda's R package mixvconc has it.
    m, m2 = A.T @ y, A.T @ y**2
    for k in range(3):
        products = np.array(
            [[A[:, k] ** 2 @ (P[:, s] * P[:, t]) for t in range(3)] for s in range(3)]
        )
        expected = products.sum(axis=1) @ m2 - m @ products @ m
        np.testing.assert_allclose(mean.covariance[k, 0, 0], expected, atol=1e-8)


@every_kind
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_are_as_wide_as_the_normal_quantile_says(kind, level):
    regression = Regression(kind([[1.0, 2.0]]), kind([[[4.0, 1.0], [1.0, 9.0]]]))
    low, high = np.moveaxis(np.asarray(regression.intervals(level)), -1, 0)
    np.testing.assert_allclose(low + high, [[2, 4]], atol=1e-6)
    np.testing.assert_allclose(high - low, [2 * norm.ppf((1 + level) / 2) * np.array([2, 3])], 1e-6)


@every_kind
def test_intervals_with_a_negative_variance_are_nan(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        intervals = Regression(kind([[1.0, 2.0]]), kind([[[-4.0, 0], [0, 9.0]]])).intervals()
    assert np.isnan(np.asarray(intervals)).tolist() == [[[True, True], [False, False]]]
