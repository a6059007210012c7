"""Mixtures with varying concentrations: estimates of each component from a mixed sample.

Observation i comes from component k with the known probability p_i^k, its concentration, and
which component it came from is not observed. P, shape (n, M), holds the concentrations; its rows
sum to 1. Every function takes NumPy arrays or torch tensors (float32 or float64, all of one kind)
and returns the same; none needs a network.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace

Array: TypeAlias = Any  # a NumPy array or a torch tensor


def gram(P: Array) -> Array:
    """Compute Γ/n = PᵀP/n, shape (M, M) (slide "Modified Loss Function", without its factor n)."""
    return P.T @ P / len(P)


def two_view_gram(P: Array, Q: Array) -> Array:
    """Compute Γ'/n = (PᵀQ + QᵀP)/2n, (…, M, M), of concentrations from two views of n observations.

    If the two views of an observation are independent, and of one distribution, it is an unbiased
    estimate of Γ/n of their expected concentrations, as noise in P and noise in Q are independent;
    `gram(P)` has the variance of the noise in it. In the words of errors in variables, Q is an
    instrument for P (Fuller 1987, "Measurement error models", section 1.4).
    """
    cross = P.mT @ Q / P.shape[-2]
    return (cross + cross.mT) / 2


def minimax_weights(P: Array, ridge: float = 0.0) -> Array:
    """Compute minimax weights A = P Γ⁻¹, shape (n, M), with Γ = PᵀP, so that AᵀP = I.

    The slide "Intro to Mixture Model with Varying Concentrations" prints (PᵀP)⁻¹P, whose shapes
    do not conform. Weights may be negative; each column sums to 1 where the rows of P do. From
    P = QR follows A = QR⁻ᵀ, which is as well conditioned as P, not as Γ.

    Args:
        P: (n, M).
        ridge: if positive, A = P(Γ + n·ridge·I)⁻¹: finite for every P, but biased, as AᵀP ≠ I.
            It is on the scale of the eigenvalues of `gram(P)`.

    Raises:
        ValueError: if P is not a finite real matrix, or `ridge` is negative. Rows need not sum
            to 1.
        numpy.linalg.LinAlgError: if Γ is singular and `ridge` is 0; the message names the
            components that P cannot tell apart.
    """
    xp = array_namespace(P)
    if P.ndim != 2 or 0 in P.shape or not xp.isdtype(P.dtype, "real floating"):
        raise ValueError(f"P must be a matrix of real numbers; got {P.dtype}, {tuple(P.shape)}")
    if not xp.all(xp.isfinite(P)):
        raise ValueError("P must be finite")
    if ridge < 0:
        raise ValueError(f"ridge must not be negative; got {ridge}")
    n, M = P.shape
    if ridge > 0:
        root = (n * ridge) ** 0.5 * xp.eye(M, dtype=P.dtype, device=P.device)
        Q, R = xp.linalg.qr(xp.concat([P, root]))
    else:
        Q, R = xp.linalg.qr(P)
        _check_rank(R, n)
    return xp.linalg.solve(R, Q[:n].T).T


def _check_rank(R: Array, n: int) -> None:
    """Raise LinAlgError if R, (≤ M, M), of n concentrations has rank below M."""
    xp = array_namespace(R)
    M, eps = R.shape[1], xp.finfo(R.dtype).eps
    _, singular_values, V = xp.linalg.svd(R, full_matrices=True)
    tolerance = singular_values[0] * max(n, M) * eps  # as in numpy.linalg.matrix_rank
    rank = int(xp.sum(xp.astype(singular_values > tolerance, xp.int64)))
    if rank == M:
        return
    projector = V[rank:].T @ V[rank:]
    groups = _linked([[abs(float(x)) > eps**0.5 for x in row] for row in projector])
    faults = [
        f"components {', '.join(map(str, group))} cannot be told apart"
        if len(group) > 1
        else f"the concentration of component {group[0]} is zero everywhere, to rounding"
        for group in groups
    ]
    raise np.linalg.LinAlgError(
        f"P has rank {rank} for {M} components: {'; '.join(faults)}; ridge > 0 gives finite weights"
    )


def _linked(links: list[list[bool]]) -> list[list[int]]:
    """Return groups of linked indices: directly, through others, or with themselves alone."""
    groups: list[list[int]] = []
    for k, row in enumerate(links):
        if any(row):
            joined = [group for group in groups if any(row[other] for other in group)]
            groups = [group for group in groups if group not in joined]
            groups.append(sorted([k, *(other for group in joined for other in group)]))
    return sorted(groups)


def weighted_edf(A: Array, samples: Array, points: Array) -> Array:
    """Compute weighted empirical distribution functions F̂^(k)(x) = Σ_i a_i^k 1[ξ_i < x], (m, M).

    Slide "Intro to Mixture Model with Varying Concentrations"; the inequality is strict. Unbiased
    with minimax weights, but neither monotone nor within [0, 1] where weights are negative.

    Args:
        A: (n, M), weights.
        samples: ξ, (n,), or (n, d); then < means less in every coordinate.
        points: x, (m,), or (m, d).

    Raises:
        ValueError: if `samples` and `points` differ in dimension.
    """
    xp = array_namespace(A, samples, points)
    if samples.shape[1:] != points.shape[1:]:
        raise ValueError(f"samples {samples.shape} and points {points.shape} differ in dimension")
    if samples.ndim == 1:
        order = xp.argsort(samples)
        sums = xp.cumulative_sum(xp.take(A, order, axis=0), axis=0, include_initial=True)
        below = xp.searchsorted(xp.take(samples, order, axis=0), points, side="left")
        return xp.take(sums, below, axis=0)
    below = xp.all(samples[None, :, :] < points[:, None, :], axis=2)
    return xp.astype(below, A.dtype) @ A


def improved_edf(A: Array, samples: Array, points: Array) -> Array:
    """Compute `weighted_edf` made monotone and within [0, 1], shape (m, M).

    The mean of the envelopes F⁺(x) = min(1, sup_{y<x} F̂(y)) and F⁻(x) = max(0, inf_{y≥x} F̂(y)) of
    `weighted_edf`: distribution functions, equal to F̂ where no weight is negative. Improving F̂
    leaves its limit distribution as it is (Maiboroda and Kubaichuk 2004, "Asymptotic normality of
    improved weighted empirical distribution functions", Theory Probab. Math. Statist. 69, 95-102;
    envelopes and mean as `corsup`, `corinf` and `cormid` of Maiboroda's R package mixvconc).

    Args:
        A: (n, M), weights whose columns sum to 1.
        samples: (n,).
        points: (m,).
    """
    xp = array_namespace(A, samples, points)
    ends = xp.full((1,), xp.inf, dtype=samples.dtype, device=samples.device)
    steps = xp.concat([xp.sort(samples), ends])
    values = weighted_edf(A, samples, steps)
    upper = _running_max(values)
    lower = -xp.flip(_running_max(-xp.flip(values, axis=0)), axis=0)
    improved = (xp.clip(upper, 0, 1) + xp.clip(lower, 0, 1)) / 2
    return xp.take(improved, xp.searchsorted(steps, points, side="left"), axis=0)


def _running_max(values: Array) -> Array:
    """Compute the largest value so far along the first axis, in log₂ n passes.

    The array standard has no function for it.
    """
    xp = array_namespace(values)
    step = 1
    while step < len(values):
        later = xp.maximum(values[step:], values[:-step])
        values = xp.concat([values[:step], later])
        step *= 2
    return values


def weighted_mean(A: Array, values: Array) -> Array:
    """Compute the mean of each component, Aᵀ values: (M,) for values (n,), (M, d) for (n, d).

    Unbiased with minimax weights. Any other moment is the weighted mean of a function of the
    sample: `weighted_mean(A, samples**3)`.
    """
    return A.T @ values


def weighted_covariance(A: Array, values: Array) -> Array:
    """Compute the covariance matrix of each component, shape (M, d, d).

    It is Σ_i a_i^k (x_i - μ̂_k)(x_i - μ̂_k)ᵀ, not necessarily positive semidefinite, as weights
    may be negative.

    Args:
        A: (n, M), weights.
        values: x, (n, d).
    """
    xp = array_namespace(A, values)
    covariances = []
    for k, mean in enumerate(weighted_mean(A, values)):
        centred = values - mean
        covariances.append(centred.T @ (A[:, k, None] * centred))
    return xp.stack(covariances)


@dataclass(frozen=True)
class Regression:
    """A linear regression in each component.

    Attributes:
        coefficients: (M, d).
        covariance: (M, d, d), estimated covariance matrix of each component's coefficients.
    """

    coefficients: Array
    covariance: Array

    def intervals(self, level: float = 0.95) -> Array:
        """Compute confidence intervals of the coefficients by the normal quantile, shape (M, d, 2).

        They are NaN where the estimated variance is negative, which a small n makes possible.
        """
        xp = array_namespace(self.coefficients)
        variances = xp.linalg.diagonal(self.covariance)
        deviations = xp.sqrt(xp.where(variances < 0, xp.nan, variances))
        margin = NormalDist().inv_cdf((1 + level) / 2) * deviations
        return xp.stack([self.coefficients - margin, self.coefficients + margin], axis=-1)


def modified_least_squares(P: Array, X: Array, y: Array) -> Regression:
    """Fit a linear regression of y on X in each component: least squares with minimax weights.

    Component m's coefficients solve Σ_i a_i^m x_i (y_i - x_iᵀb) = 0: b̂_m = D⁻¹ Σ_i a_i^m x_i y_i
    with D = Σ_i a_i^m x_i x_iᵀ (Liubashenko and Maiboroda 2015, "Linear regression by observations
    from mixture with varying concentrations", Modern Stochastics 2(4), 343-353; asymptotic
    normality also in Miroshnichenko and Maiboroda 2020, Modern Stochastics 7(4), 435-448).
    Consistent, not unbiased: with negative weights D may come near a singular matrix, and errors
    are then large, until n is large.

    A column of ones for X gives the mean of each component, and y = 1[ξ < x] with it gives
    `weighted_edf` at x; both are unbiased and get intervals from here.

    Args:
        P: (n, M), concentrations.
        X: (n, d).
        y: (n,).

    Raises:
        ValueError, numpy.linalg.LinAlgError: as `minimax_weights` does.
    """
    xp = array_namespace(P, X, y)
    A = minimax_weights(P)
    coefficients, covariances = [], []
    for m in range(P.shape[1]):
        weighted = A[:, m, None] * X
        D = weighted.T @ X
        b = xp.linalg.solve(D, weighted.T @ y)
        scores = (y - X @ b)[:, None] * X
        half = xp.linalg.solve(D, _covariance_of_sum(A, m, P, scores))
        coefficients.append(b)
        covariances.append(xp.linalg.solve(D, half.T))
    return Regression(xp.stack(coefficients), xp.stack(covariances))


def _covariance_of_sum(A: Array, m: int, P: Array, scores: Array) -> Array:
    """Estimate the covariance matrix of Σ_i a_i^m g_i, shape (d, d), for scores g, (n, d).

    Observations are independent, and E g_i g_iᵀ = Σ_s p_i^s S_s and E g_i = Σ_s p_i^s z_s with the
    components' moments S_s = E g gᵀ and z_s = E g. So the covariance matrix is
    Σ_i (a_i^m)² [Σ_s p_i^s S_s - Σ_{s,t} p_i^s p_i^t z_s z_tᵀ], with weighted means for S and z.
    """
    squares = A[:, m, None] ** 2 * P
    z = weighted_mean(A, scores)
    weights = A @ array_namespace(P).sum(squares, axis=0)
    return scores.T @ (weights[:, None] * scores) - z.T @ (squares.T @ P) @ z
