"""Which decision matters to an outcome: a Gaussian process over protocols."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import sobol_indices, uniform
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

FOLDS, REPEATS = 10, 20
TRUSTED = 0.3  # mean R² from which on a surrogate's columns are shown
POINTS = 4096  # of each of Saltelli's samples; a power of 2


@dataclass(frozen=True)
class Surrogate:
    """A Gaussian process from options to an outcome (Bell et al. 2022, section 3).

    Attributes:
        options: (protocols, decisions), the number of each protocol's option.
        counts: of the options of each decision.
        ordered: the decisions whose options have an order.
        outcome: (protocols,).
    """

    options: pd.DataFrame
    counts: dict[str, int]
    ordered: set[str]
    outcome: np.ndarray

    @cached_property
    def process(self) -> GaussianProcessRegressor:
        """Fitted to all protocols."""
        with _bounds_are_fine():
            return self._model().fit(self.coded(self.options), self.outcome)

    @cached_property
    def accuracies(self) -> np.ndarray:
        """R² of ten-fold cross-validation, each with other folds, (REPEATS,).

        That is of protocols which the fit has not seen.
        """
        found = []
        for repeat in range(REPEATS):
            folds = KFold(min(FOLDS, len(self.outcome)), shuffle=True, random_state=repeat)
            with _bounds_are_fine():
                predicted = cross_val_predict(
                    self._model(), self.coded(self.options), self.outcome, cv=folds
                )
            found.append(r2_score(self.outcome, predicted))
        return np.array(found)

    @property
    def is_trusted(self) -> bool:
        """Whether it explains enough of what it has not seen for its columns to be shown."""
        return bool(self.accuracies.mean() >= TRUSTED)

    @property
    def noise(self) -> float:
        """Standard deviation of the outcome that options do not explain."""
        kernel = self.process.kernel_
        return float(np.sqrt(kernel.k2.noise_level) * self.outcome.std())

    def coded(self, options: pd.DataFrame) -> np.ndarray:
        """Return options as coordinates: 0, 1, … in their order, or a 0 or 1 for each without."""
        columns = []
        for decision, count in self.counts.items():
            values = options[decision].to_numpy()
            if decision in self.ordered:
                columns.append(values[:, None] / max(1, count - 1))
            else:
                columns.append((values[:, None] == np.arange(count)).astype(float))
        return np.hstack(columns)

    @cached_property
    def space(self) -> pd.DataFrame:
        """Draw combinations of options at random with equal weight."""
        rng = np.random.default_rng(0)
        return pd.DataFrame({k: rng.integers(n, size=POINTS) for k, n in self.counts.items()})

    def effects(self, *decisions: str) -> pd.DataFrame:
        """Return the process's mean over the space for each option of some decisions, held there.

        Partial dependence (Friedman 2001, "Greedy function approximation", section 8.2).
        """
        held = pd.MultiIndex.from_product([range(self.counts[d]) for d in decisions])
        means = [
            self.process.predict(
                self.coded(self.space.assign(**dict(zip(decisions, options, strict=True))))
            ).mean()
            for options in held
        ]
        return pd.DataFrame(list(held), columns=list(decisions)).assign(mean=means)

    def sensitivities(self) -> dict[str, float]:
        """Return first-order Sobol' indices of the process's mean (Saltelli et al. 2010)."""

        def outcome(uniforms: np.ndarray) -> np.ndarray:
            options = (uniforms.T * list(self.counts.values())).astype(int)
            frame = pd.DataFrame(options, columns=list(self.counts))
            return self.process.predict(self.coded(frame))

        found = sobol_indices(
            func=outcome, n=POINTS, dists=[uniform(0, 1)] * len(self.counts), rng=0
        )
        return dict(zip(self.counts, map(float, found.first_order), strict=True))

    def _model(self) -> GaussianProcessRegressor:
        dimensions = self.coded(self.options.head(1)).shape[1]
        smooth = ConstantKernel() * Matern(np.ones(dimensions), (0.05, 100), nu=2.5)
        return GaussianProcessRegressor(
            smooth + WhiteKernel(0.1, (1e-4, 10)),
            normalize_y=True,
            n_restarts_optimizer=2,
            random_state=0,
        )


@contextmanager
def _bounds_are_fine() -> Iterator[None]:
    """Silence lengths at their bounds: a coordinate matters not at all, or at every step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
