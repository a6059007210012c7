"""Means over seeds, with the uncertainty that the number of seeds leaves."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

RESAMPLES = 9999


@dataclass(frozen=True)
class Estimate:
    """A mean over n seeds with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int

    def format(self, digits: int) -> str:
        """For example `0.81 [0.78, 0.84]`."""
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def estimate(values: np.ndarray) -> Estimate:
    """Mean of `values` (n,) over seeds, with a percentile bootstrap interval (Efron 1979).

    The resampling is seeded: the same values give the same interval. A single value, or equal
    values, give an interval of no width.
    """
    values = np.asarray(values, dtype=float)
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return Estimate(mean, mean, mean, len(values))
    interval = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=0
    ).confidence_interval
    return Estimate(mean, float(interval.low), float(interval.high), len(values))
