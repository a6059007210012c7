"""Means over seeds, and single runs, with their intervals."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MINIMUM_SEEDS = 5  # fewer get no interval
LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)  # quantiles at the ends of an interval
RESAMPLES, MANY = 9999, 200_000
MOST_WEIGHTS = 2**22  # of all points of an integration
FIRST = 2**11  # points, to begin with
AT_ONCE = 8  # samples, so that their resamples stay in the cache


@dataclass(frozen=True)
class Estimate:
    """A mean over n seeds with its 95 % interval; the ends are NaN where the seeds are too few."""

    mean: float
    low: float
    high: float
    n: int

    def within(self, low: float, high: float) -> "Estimate":
        """Return it with the interval cut to possible values of the mean: it covers as often."""
        ends = np.clip([self.low, self.high], low, high)
        return Estimate(self.mean, float(ends[0]), float(ends[1]), self.n)

    def format(self, digits: int) -> str:
        """Format it as `0.81 [0.78, 0.84] (10)`, or `0.81 (3)` of too few seeds.

        Zero has no sign.
        """
        return f"{self.format_interval(digits)} ({self.n})"

    def format_interval(self, digits: int) -> str:
        """Format it without the number of seeds."""
        interval = f" [{self.low:z.{digits}f}, {self.high:z.{digits}f}]"
        return f"{self.mean:z.{digits}f}{'' if np.isnan(self.low) else interval}"


def estimate(values: np.ndarray) -> Estimate:
    """Compute the mean of `values` (n,) over seeds, with a beta bootstrap-t interval.

    It is that of `beta_bootstrap_t`, but integrated in place of resampled, so that its ends hardly
    depend on random numbers. Fewer than `MINIMUM_SEEDS` values have no interval; equal ones have
    one of no width.
    """
    values = np.asarray(values, dtype=float)
    mean, deviation = float(values.mean()), _deviations(values)[0]
    if len(values) < MINIMUM_SEEDS:
        return Estimate(mean, np.nan, np.nan, len(values))
    if deviation == 0:
        return Estimate(mean, mean, mean, len(values))
    z = (values - mean) / deviation
    low, high = (mean - _quantile(z, level) * float(deviation) for level in reversed(TAILS))
    return Estimate(mean, low, high, len(values))


def beta_bootstrap_t(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute intervals of the means of `values` (…, n), n > 1 (Owen 2025, arXiv 2508.10083).

    A bootstrap-t whose weights are independent Beta(1/2, 3/2), scaled to a mean of 1: like the
    counts of the usual bootstrap they have variance and skewness 1, but no sample has all its
    weight on one value, so that the studentized mean is finite. Here it is resampled, for many
    samples at once; the weights are seeded.
    """
    values = np.asarray(values, dtype=float)
    mean, deviation = values.mean(axis=-1, keepdims=True), _deviations(values)
    z = (values - mean) / np.where(deviation == 0, 1, deviation)
    weights = _weights(values.shape[-1]).T
    means = z @ weights
    variances = np.where(deviation == 0, 1, z**2 @ weights - means**2)
    low, high = _tails(means / np.sqrt(variances))
    return mean[..., 0] - high * deviation[..., 0], mean[..., 0] - low * deviation[..., 0]


def p_value(values: np.ndarray) -> float:
    """Compute the two-sided p-value of `values` (n,) having a mean of 0.

    Twice the smaller tail of the distribution behind `estimate`: below 5 % where its interval
    leaves 0 out. Fewer than `MINIMUM_SEEDS` values have none, NaN.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < MINIMUM_SEEDS:
        return np.nan
    mean, deviation = values.mean(), _deviations(values)[0]
    if deviation == 0:
        return float(mean == 0)
    t = mean / deviation
    below = _distribution(t / np.sqrt(1 + t**2), (values - mean) / deviation)
    return float(min(1, 2 * min(below, 1 - below)))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust the p-values of a family of tests, (n,); NaN is no test, and stays.

    Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]
    adjusted = np.full(len(p_values), np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p_values[order]))
    return adjusted


def _deviations(values: np.ndarray) -> np.ndarray:
    """Compute standard deviations of values (…, n): (…, 1), 0 of values that are equal."""
    deviation = values.std(axis=-1, keepdims=True)
    # A spread may be too small for its square.
    return np.where(np.ptp(values, axis=-1, keepdims=True) == 0, 0, deviation)


def _quantile(z: np.ndarray, level: float) -> float:
    """Compute a quantile of the studentized mean of resampled z (n,), of mean 0 and variance 1.

    By few points first, then by two steps of Newton's method by all.
    """
    from scipy.optimize import brentq  # half a second, for this alone

    u = brentq(lambda u: _distribution(u, z, FIRST) - level, -1 + 1e-9, 1 - 1e-9, xtol=1e-6)
    step = 1e-3 * (1 - abs(u))
    rise = _distribution(u + step, z, FIRST) - _distribution(u - step, z, FIRST)
    for _ in range(2):
        u -= (_distribution(u, z) - level) * 2 * step / rise
    return float(u / np.sqrt(1 - u**2))


def _distribution(u: float, z: np.ndarray, points: int | None = None) -> float:
    """Compute the probability that U ≤ u, U = S₁/√(S₀S₂), where S_j = Σᵢ bᵢ zᵢʲ, bᵢ Beta(1/2, 3/2).

    The studentized mean of a resample is U/√(1 − U²). Over the weight of the largest |z| it is
    integrated exactly, over the others by a scrambled Sobol sequence (preintegration: Griebel, Kuo
    and Sloan 2013, "The smoothing effect of integration in R^d").

    Args:
        u: from -1 to 1.
        z: (n,).
        points: how many of the sequence; all without it.
    """
    weights, longest = _beta_points(len(z))[:points], np.abs(z).argmax()
    if u >= 0:
        return 1 - float(_above(u, z, weights, longest).mean())
    return float(_above(-u, -z, weights, longest).mean())


def _above(u: float, z: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """Compute the probability that U > u ≥ 0 over the weight x of value k, given the others'.

    U > u where S₁ > 0 and S₁² − u² S₀S₂ = a x² + 2h x + c > 0.

    Args:
        u: as of `_distribution`.
        z: (n,).
        weights: of all values, (points, n); those of value k do not count.
        k: index of a value that is not 0.
    """
    powers = np.stack([np.ones_like(z), z, z**2], axis=1)
    powers[k] = 0
    s0, s1, s2 = (weights @ powers).T
    own, square = z[k], u * u
    a, h = own**2 * (1 - square), s1 * own - square * (s2 + s0 * own**2) / 2
    root = np.sqrt(np.maximum(h**2 - a * (s1**2 - square * s0 * s2), 0))
    zero = -s1 / own  # where S₁ is 0
    low, high = ((np.where(root > 0, (-h + sign * root) / a, zero)) for sign in (-1, 1))
    if own > 0:
        return 1 - _beta(np.maximum(zero, high)) + np.maximum(_beta(low) - _beta(zero), 0)
    return _beta(np.minimum(zero, low)) + np.maximum(_beta(zero) - _beta(high), 0)


def _beta(x: np.ndarray) -> np.ndarray:
    """Compute the distribution function of Beta(1/2, 3/2)."""
    x = np.clip(x, 0, 1)
    return (np.arcsin(np.sqrt(x)) + np.sqrt(x * (1 - x))) * 2 / np.pi


@functools.lru_cache(maxsize=4)
def _beta_points(n: int, seed: int = 0) -> np.ndarray:
    """Return weights of n values at the points of a Sobol sequence, (points, n)."""
    from scipy.stats.qmc import Sobol  # half a second, for this alone

    points = 2 ** min(16, int(math.log2(MOST_WEIGHTS / n)))
    angle = np.linspace(0, np.pi / 2, 2**17)
    angles = np.interp(Sobol(n, seed=seed).random(points), _beta(np.sin(angle) ** 2), angle)
    return np.sin(angles) ** 2


def _tails(resamples: np.ndarray) -> np.ndarray:
    """Compute the quantiles at the ends of intervals: (…, RESAMPLES) -> (2, …).

    To sort first is three times as fast, as NumPy does it in vector instructions.
    """
    ordered = np.sort(resamples, axis=-1)
    return np.moveaxis(np.apply_along_axis(np.quantile, -1, ordered, TAILS), -1, 0)


@functools.lru_cache(maxsize=8)
def _weights(n: int) -> np.ndarray:
    """Draw random weights of n values, (RESAMPLES, n); rows sum to 1."""
    weights = np.random.default_rng(0).beta(0.5, 1.5, (RESAMPLES, n))
    return weights / weights.sum(axis=1, keepdims=True)


def percentile_bootstrap(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute intervals of the means of `values` (…, n) (Efron 1979): too narrow for few values."""
    values = np.asarray(values, dtype=float)
    low, high = _tails(values @ _shares(values.shape[-1]).T)
    return low, high


@functools.lru_cache(maxsize=8)
def _shares(n: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Draw how often each of n values is in a resample, over n: (resamples, n)."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples) / n


def student_t(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute intervals of the means of `values` (…, n), n > 1; exact if normal (Student 1908)."""
    from scipy.stats import t  # half a second, for this alone

    values = np.asarray(values, dtype=float)
    mean, n = values.mean(axis=-1), values.shape[-1]
    half = t.ppf(TAILS[1], n - 1) * values.std(axis=-1, ddof=1) / n**0.5
    return mean - half, mean + half


@dataclass(frozen=True)
class Prediction:
    """Where one more run is to be expected, at 95 %; the ends are NaN where runs are too few.

    Attributes:
        low: the lower end.
        high: the upper end.
        normal: whether it assumes that runs are normally distributed.
    """

    low: float
    high: float
    normal: bool

    def format(self, digits: int) -> str:
        """Format it as `0.49 to 0.96`; with `(normal)` where it assumes that."""
        if math.isnan(self.low):
            return ""
        return f"{self.low:z.{digits}f} to {self.high:z.{digits}f}{' (normal)' * self.normal}"


def prediction_interval(values: np.ndarray, low: float, high: float) -> Prediction:
    """Compute the 95 % prediction interval of one more value, between what values can be.

    From 39 values on it is distribution-free: the values of the ranks r and n + 1 - r, between
    which another one lies with probability 1 - 2r/(n + 1) (Wilks 1941, "Determination of sample
    sizes for setting tolerance limits"). Of fewer it is mean ± t s √(1 + 1/n), exact for normal
    values. Fewer than `MINIMUM_SEEDS` have none.

    Args:
        values: (n,).
        low: the least value that there can be.
        high: the largest.
    """
    values = np.sort(np.asarray(values, dtype=float))
    n, rank = len(values), int(TAILS[0] * (len(values) + 1))
    if n < MINIMUM_SEEDS:
        return Prediction(np.nan, np.nan, False)
    if rank:
        return Prediction(float(values[rank - 1]), float(values[-rank]), False)
    mean = values.mean()
    half = (student_t(values)[1] - mean) * (n + 1) ** 0.5  # t s √(1/n) -> t s √(1 + 1/n)
    ends = np.clip([mean - half, mean + half], low, high)
    return Prediction(float(ends[0]), float(ends[1]), True)


def probability_of_improvement(ours: np.ndarray, theirs: np.ndarray) -> Estimate:
    """Compute the share of all pairs of runs in which ours has the larger value.

    Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice",
    section 4.3: the Mann-Whitney statistic over the number of pairs, with a percentile bootstrap
    over the runs of both sides. Equal values count half.
    """
    ours, theirs = np.asarray(ours)[:, None], np.asarray(theirs)
    won = (ours > theirs) + 0.5 * (ours == theirs)
    n = min(won.shape)
    if n < MINIMUM_SEEDS:
        return Estimate(float(won.mean()), np.nan, np.nan, n)
    resamples = min(MANY, MOST_WEIGHTS // max(won.shape))
    first, second = (_shares(count, resamples, seed) for seed, count in enumerate(won.shape))
    resampled = ((first @ won) * second).sum(axis=1)
    return Estimate(float(won.mean()), *map(float, _tails(resampled)), n)


def coverage(
    interval: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    pool: np.ndarray,
    n: int,
    samples: int,
) -> float:
    """Compute the share of samples whose interval holds the mean of the pool they are drawn from.

    Args:
        interval: of the means of some values.
        pool: (N,), taken for the distribution.
        n: values in a sample, drawn with replacement.
        samples: drawn; the share has a standard error of at most 0.5/√samples.
    """
    drawn = np.random.default_rng(n).choice(pool, (samples, n))
    parts = np.array_split(drawn, -(-samples // AT_ONCE))
    low, high = np.concatenate([interval(part) for part in parts], axis=1)
    return float(np.mean((low <= pool.mean()) & (pool.mean() <= high)))
