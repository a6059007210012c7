"""A simulation of the estimators of `concentrations`, on samples from known components.

Two components with concentrations p_i = (i, n+1-i)/(n+1): a fixed design in which nearly pure
observations are as common as evenly mixed ones. In each, x and the noise are normal and y is a
linear function of x plus noise, so that every truth has a closed form.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from moaplus.plan.results import SIMULATION
from moaplus.storage.frames import save_frame
from moaplus.theory.concentrations import modified_least_squares

SIZES = (100, 300, 1000, 3000, 10000)
REPLICATIONS = 1000
LEVEL = 0.95
POINT = 0.0  # where the distribution function of y is estimated


@dataclass(frozen=True)
class Component:
    """One component: y = intercept + slope·x + noise."""

    intercept: float
    slope: float
    x: NormalDist
    noise: NormalDist

    @property
    def truths(self) -> dict[str, float]:
        """Return the true value of each estimator."""
        y = self.intercept + self.slope * self.x + self.noise
        return {
            "intercept": self.intercept,
            "slope": self.slope,
            "mean of y": y.mean,
            f"P(y < {POINT:g})": y.cdf(POINT),
        }


COMPONENTS = (
    Component(1.0, 2.0, x=NormalDist(-1.0, 1.0), noise=NormalDist(0.0, 1.0)),
    Component(3.0, -1.0, x=NormalDist(1.0, 1.5), noise=NormalDist(0.0, 0.5)),
)
TRUTHS = pd.DataFrame([component.truths for component in COMPONENTS])


@threadpool_limits.wrap(limits=1)  # the last bits depend on the number of threads
def simulate() -> None:
    """Write one row per sample size, estimator and component to results/simulation.csv.

    Columns: bias and bias_se (its Monte Carlo standard error); median_error, which single
    outliers leave alone; variance over replications;
    n_variance, n times that; n_estimated_variance, n times the mean of the estimated variance,
    which tends to the asymptotic one; coverage of the 95 % interval and coverage_se. An
    interval that a negative estimated variance makes NaN does not cover.
    """
    rows = [row for n in SIZES for row in simulation_rows(n, REPLICATIONS)]
    save_frame(SIMULATION, pd.DataFrame(rows))


def simulation_rows(n: int, replications: int) -> list[dict]:
    """Return rows for samples of size n; each n has random numbers of its own."""
    P = concentrations(n)
    rng = np.random.default_rng([0, n])
    results = np.stack([estimate(P, *draw(P, rng)) for _ in range(replications)])
    return [
        {"n": n, "estimator": estimator, "component": k + 1, "replications": replications}
        | summary(n, TRUTHS.loc[k, estimator], *results[:, :, k, j].T)
        for j, estimator in enumerate(TRUTHS)
        for k in range(len(COMPONENTS))
    ]


def concentrations(n: int) -> np.ndarray:
    """Return P, (n, 2), with p_i^1 = i/(n+1)."""
    first = np.arange(1, n + 1) / (n + 1)
    return np.column_stack([first, 1 - first])


def draw(P: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw a sample x and y, both (n,), whose components have the probabilities P."""
    n = len(P)
    is_second = (rng.random(n) >= P[:, 0]).astype(int)
    standard_x, standard_noise = rng.standard_normal((2, n))

    def of_component(parameter) -> np.ndarray:
        return np.array([parameter(component) for component in COMPONENTS])[is_second]

    x = of_component(lambda c: c.x.mean) + of_component(lambda c: c.x.stdev) * standard_x
    noise = of_component(lambda c: c.noise.stdev) * standard_noise
    return x, of_component(lambda c: c.intercept) + of_component(lambda c: c.slope) * x + noise


def estimate(P: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return estimates, their variances, whether intervals hold the truth: (3, M, estimators)."""
    ones = np.ones((len(x), 1))
    regressions = (
        modified_least_squares(P, np.column_stack([ones, x]), y),
        modified_least_squares(P, ones, y),
        modified_least_squares(P, ones, (y < POINT).astype(float)),
    )
    estimates = np.hstack([r.coefficients for r in regressions])
    variances = np.hstack([np.linalg.diagonal(r.covariance) for r in regressions])
    intervals = np.hstack([r.intervals(LEVEL) for r in regressions])
    truths = TRUTHS.to_numpy()
    covered = (intervals[..., 0] <= truths) & (truths <= intervals[..., 1])
    return np.stack([estimates, variances, covered])


def summary(
    n: int, truth: float, estimates: np.ndarray, variances: np.ndarray, covered: np.ndarray
) -> dict:
    """Compute statistics of one estimator over replications; all arrays (replications,)."""
    replications, variance, coverage = len(estimates), estimates.var(ddof=1), covered.mean()
    return {
        "truth": truth,
        "bias": estimates.mean() - truth,
        "bias_se": (variance / replications) ** 0.5,
        "median_error": np.median(estimates) - truth,
        "variance": variance,
        "n_variance": n * variance,
        "n_estimated_variance": n * variances.mean(),
        "coverage": coverage,
        "coverage_se": (coverage * (1 - coverage) / replications) ** 0.5,
    }
