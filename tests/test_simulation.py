"""The simulation: its truths, and that the estimators keep what theory promises."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from moaplus.audit import simulation
from moaplus.audit.simulation import COMPONENTS, TRUTHS, simulate, simulation_rows

N = 1000


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return pd.DataFrame(simulation_rows(N, replications=400))


def test_truths_of_y_follow_from_the_normal_distribution():
    for k, c in enumerate(COMPONENTS):
        mean = c.intercept + c.slope * c.x.mean
        sd = np.hypot(c.slope * c.x.stdev, c.noise.stdev)
        expected = [c.intercept, c.slope, mean, norm.cdf((0 - mean) / sd)]
        np.testing.assert_allclose(TRUTHS.loc[k], expected)


def test_every_estimator_and_component_has_a_row(rows):
    assert len(rows) == len(TRUTHS.columns) * len(COMPONENTS)
    assert not rows[["estimator", "component"]].duplicated().any()
    np.testing.assert_allclose(rows.n_variance, N * rows.variance)


def test_means_and_distribution_functions_are_unbiased(rows):
    unbiased = rows[~rows.estimator.isin(["intercept", "slope"])]
    assert len(unbiased) == 4
    assert (unbiased.bias.abs() < 4.5 * unbiased.bias_se).all()


def test_the_bias_of_least_squares_is_of_order_one_over_n(rows):
    # To the order 1/n it is 147/n at most here (second-order expansion of D⁻¹).
    regression = rows[rows.estimator.isin(["intercept", "slope"])]
    assert (regression.bias.abs() < 200 / N + 4.5 * regression.bias_se).all()


def test_intervals_cover_and_variances_are_estimated(rows):
    assert rows.coverage.between(0.91, 0.98).all()
    unbiased = rows[~rows.estimator.isin(["intercept", "slope"])]
    ratio = unbiased.n_estimated_variance / unbiased.n_variance
    assert ratio.between(0.75, 1.33).all()


def test_the_same_bytes_again(tmp_path, monkeypatch):
    monkeypatch.setattr(simulation, "SIZES", (30, 60))
    monkeypatch.setattr(simulation, "REPLICATIONS", 5)
    for name in ("a", "b"):
        monkeypatch.setattr(simulation, "SIMULATION", tmp_path / name)
        simulate()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pd.read_csv(tmp_path / "a").n.tolist() == [30] * 8 + [60] * 8
