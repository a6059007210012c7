"""Means over seeds, and single runs, with their intervals."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MINIMUM_SEEDS = 5  # fewer get no interval
LEVEL = 0.95
TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)  # quantiles at the ends of an interval
RESAMPLES = 9999
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

    Fewer than `MINIMUM_SEEDS` values have no interval; equal ones have one of no width.
    """
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    if len(values) < MINIMUM_SEEDS:
        return Estimate(mean, np.nan, np.nan, len(values))
    return Estimate(mean, *map(float, beta_bootstrap_t(values)), len(values))


def beta_bootstrap_t(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute intervals of the means of `values` (…, n), n > 1 (Owen 2025, arXiv 2508.10083).

    A bootstrap-t whose weights are independent Beta(1/2, 3/2), scaled to a mean of 1: like the
    counts of the usual bootstrap they have variance and skewness 1, but no sample has all its
    weight on one value, so that the studentized mean is finite. The weights are seeded: the same
    values give the same interval.
    """
    mean, deviation, resampled = _studentized(values)
    low, high = _tails(resampled)
    return mean - high * deviation, mean - low * deviation


def p_value(values: np.ndarray) -> float:
    """Compute the two-sided p-value of `values` (n,) having a mean of 0.

    Twice the smaller tail of `beta_bootstrap_t`: below 5 % where its interval leaves 0 out. Fewer
    than `MINIMUM_SEEDS` values have none, NaN.
    """
    if len(values) < MINIMUM_SEEDS:
        return np.nan
    mean, deviation, resampled = _studentized(values)
    if deviation == 0:
        return float(mean == 0)
    beyond = [(resampled >= mean / deviation).sum(), (resampled <= mean / deviation).sum()]
    return float(min(1, 2 * (1 + min(beyond)) / (1 + RESAMPLES)))


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


def _studentized(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means and deviations of values (…, n), and their resampled studentized means."""
    values = np.asarray(values, dtype=float)
    mean, deviation = values.mean(axis=-1, keepdims=True), values.std(axis=-1, keepdims=True)
    # A spread may be too small for its square.
    deviation[np.ptp(values, axis=-1, keepdims=True) == 0] = 0
    z = (values - mean) / np.where(deviation == 0, 1, deviation)
    weights = _weights(values.shape[-1]).T
    means = z @ weights
    variances = np.where(deviation == 0, 1, z**2 @ weights - means**2)
    return mean[..., 0], deviation[..., 0], means / np.sqrt(variances)


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
def _shares(n: int, seed: int = 0) -> np.ndarray:
    """Draw how often each of n values is in a resample, over n: (RESAMPLES, n)."""
    chosen = np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))
    return (chosen[:, :, None] == np.arange(n)).mean(axis=1)


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
    resampled = ((_shares(len(ours)) @ won) * _shares(len(theirs), seed=1)).sum(axis=1)
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
