"""Intervals of means against other formulas, and by how often they hold the mean."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from workspace import ROOT

from moaplus.plan.choices import PAPER_MODELS
from moaplus.theory import intervals
from moaplus.theory.intervals import (
    MINIMUM_SEEDS,
    beta_bootstrap_t,
    coverage,
    estimate,
    holm,
    p_value,
    percentile_bootstrap,
    prediction_interval,
    probability_of_improvement,
    student_t,
)

RUNS = pd.read_csv(ROOT / "results/runs.csv")
VALUES = st.lists(st.floats(-100, 100), min_size=MINIMUM_SEEDS, max_size=8)


def test_beta_bootstrap_t_is_a_bootstrap_t_with_dirichlet_like_weights():
    values = np.array([0.9, 0.83, 0.55, 0.95, 0.7, 0.88])
    rng = np.random.default_rng(7)
    ratios = []
    for _ in range(20_000):
        w = rng.beta(0.5, 1.5, len(values))
        mean = np.average(values, weights=w)
        ratios.append((mean - values.mean()) / np.sqrt(np.average((values - mean) ** 2, weights=w)))
    low, high = np.quantile(ratios, [0.025, 0.975])
    expected = np.array([values.mean() - high * values.std(), values.mean() - low * values.std()])
    assert beta_bootstrap_t(values) == pytest.approx(expected, abs=0.08 * np.ptp(expected))


def ends(values) -> np.ndarray:
    found = estimate(values)
    return np.array([found.low, found.high])


@pytest.mark.parametrize("n", [5, 6, 10, 20, 40])
def test_an_estimate_integrates_what_the_bootstrap_resamples(n):
    values = 1 - np.random.default_rng(n).beta(0.5, 4, n)  # skewed, as NMI near its ceiling
    rng = np.random.default_rng(7)
    weights = rng.beta(0.5, 1.5, (400_000, n))
    weights /= weights.sum(axis=1, keepdims=True)
    means = weights @ values
    spreads = np.sqrt(weights @ values**2 - means**2)
    low, high = np.quantile((means - values.mean()) / spreads, [0.025, 0.975])
    expected = np.array([values.mean() - high * values.std(), values.mean() - low * values.std()])
    assert ends(values) == pytest.approx(expected, abs=0.01 * np.ptp(expected))
    assert ends(-values) == pytest.approx(-ends(values)[::-1], abs=0.002 * np.ptp(expected))
    p = p_value(values - expected[0])
    assert p == pytest.approx(0.05, abs=0.003)


PAPER = RUNS.query("experts == 2 and epochs == 6 and seed < 10 and split == 'train'")
LINES = [
    (column, digits, group[column].to_numpy())
    for _, group in PAPER[PAPER["method"].isin(PAPER_MODELS)].groupby("configuration")
    for column, digits in (("nmi", 3), ("mixture_error", 4), ("routed_error", 4))
    if len(group) >= MINIMUM_SEEDS and np.ptp(group[column]) > 0
]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_digit_of_the_papers_table_depends_on_random_numbers(monkeypatch, seed):
    before = [estimate(values) for _, _, values in LINES]
    points = intervals._beta_points
    monkeypatch.setattr(intervals, "_beta_points", lambda n: points(n, seed))
    for (_, digits, values), first in zip(LINES, before, strict=True):
        second = estimate(values)
        assert (first.low, first.high) != (second.low, second.high)
        assert abs(first.low - second.low) < 0.003 * (first.high - first.low)
        assert abs(first.high - second.high) < 0.003 * (first.high - first.low)
        assert first.format(digits) == second.format(digits)


@given(VALUES, st.floats(0.01, 100), st.floats(-100, 100))
def test_intervals_move_and_scale_with_the_values(values, factor, shift):
    values = np.round(values, 3)  # as differences in the last bit become ties where they move
    for interval in (ends, beta_bootstrap_t, student_t, percentile_bootstrap):
        moved = np.array(interval(values)) * factor + shift
        assert interval(values * factor + shift) == pytest.approx(moved, rel=1e-6, abs=1e-6)


def test_few_values_have_no_interval_and_equal_ones_no_width():
    few = estimate([0.3, 0.4])
    assert np.isnan(few.low)
    assert few.format(3) == "0.350 (2)"
    assert estimate([0.3] * 5).format(3) == "0.300 [0.300, 0.300] (5)"
    assert estimate([-1e-9] * 5).format(3) == "0.000 [0.000, 0.000] (5)"


def test_student_t_is_that_of_scipy():
    values = np.array([1.0, 2.0, 4.0, 7.0, 7.5])
    expected = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert student_t(values) == pytest.approx(expected)


def test_percentile_bootstrap_is_that_of_scipy():
    values = np.array([1.0, 2.0, 4.0, 7.0, 7.5])
    found = stats.bootstrap((values,), np.mean, method="percentile", rng=1).confidence_interval
    assert percentile_bootstrap(values) == pytest.approx((found.low, found.high), abs=0.15)


@pytest.mark.parametrize(
    ("interval", "low", "high"),
    [(percentile_bootstrap, 0.80, 0.87), (student_t, 0.93, 0.97), (beta_bootstrap_t, 0.92, 0.97)],
)
def test_coverage_of_five_normal_values(interval, low, high):
    pool = np.random.default_rng(0).normal(size=5000)
    assert low < coverage(interval, pool, 5, samples=2000) < high


def test_probability_of_improvement_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    ours, theirs = rng.integers(0, 5, 12), rng.integers(0, 4, 9)
    u = stats.mannwhitneyu(ours, theirs).statistic
    found = probability_of_improvement(ours, theirs)
    assert found.mean == pytest.approx(u / (12 * 9))
    again = [
        stats.mannwhitneyu(rng.choice(ours, 12), rng.choice(theirs, 9)).statistic / 108
        for _ in range(1000)
    ]
    assert (found.low, found.high) == pytest.approx(np.quantile(again, [0.025, 0.975]), abs=0.05)
    assert np.isnan(probability_of_improvement(ours[:4], theirs).low)


@pytest.mark.parametrize("n", [39, 40, 79, 200])
def test_many_runs_predict_one_more_by_their_ranks(n):
    values = np.random.default_rng(n).permutation(n) + 1.0  # each is its own rank
    found = prediction_interval(values, 0, np.inf)
    below = found.low  # ranks at and below the lower end, as many as at and above the upper
    assert found.high == n + 1 - below
    assert not found.normal
    assert 2 * below / (n + 1) <= 0.05 < 2 * (below + 1) / (n + 1)


def test_few_runs_predict_one_more_as_if_normal():
    values = np.array([0.7, 0.75, 0.8, 0.85, 0.97])
    found = prediction_interval(values, 0, 1)
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values) * np.sqrt(6))
    assert (found.low, found.high) == pytest.approx((low, min(high, 1)))
    assert found.format(2) == f"{low:.2f} to 1.00 (normal)"
    assert prediction_interval(values[:4], 0, 1).format(2) == ""


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0])
def test_a_p_value_is_below_5_percent_where_the_interval_leaves_zero_out(shift):
    values = np.random.default_rng(0).normal(shift, size=10)
    found = estimate(values)
    assert (p_value(values) < 0.05) == (found.low > 0 or found.high < 0)
    assert p_value(-values) == pytest.approx(p_value(values), abs=1e-3)


def test_p_values_of_few_or_equal_values():
    assert np.isnan(p_value(np.ones(4)))
    assert p_value(np.ones(5)) == 0
    assert p_value(np.zeros(5)) == 1


def test_holms_correction_by_its_definition():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    # Sorted: 0.005·4, 0.01·3, 0.03·2, 0.04·1, none below the one before.
    assert holm(p) == pytest.approx([0.03, 0.06, np.nan, 0.06, 0.02], nan_ok=True)


@pytest.mark.parametrize("n", [5, 10, 20])
def test_the_interval_of_an_improvement_hardly_depends_on_random_numbers(monkeypatch, n):
    rng = np.random.default_rng(n)
    ours, theirs = rng.normal(0.5, 1, n), rng.normal(0, 1, n)
    first, shares = probability_of_improvement(ours, theirs), intervals._shares
    monkeypatch.setattr(intervals, "_shares", lambda n, count, seed: shares(n, count, seed + 10))
    second = probability_of_improvement(ours, theirs)
    assert second.low == pytest.approx(first.low, abs=0.005)
    assert second.high == pytest.approx(first.high, abs=0.005)
