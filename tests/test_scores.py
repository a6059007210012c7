"""Scores and verdicts against computations of another kind."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from moaplus.report import claims
from moaplus.report.cells import cell, improvement, paired_difference
from moaplus.report.claims import Verdict
from moaplus.theory.intervals import Estimate, estimate
from moaplus.theory.scores import (
    NMI_MEANS,
    clustering_accuracy,
    clustering_scores,
    contingency,
    dominance,
    load_entropy,
    nmi_ceiling,
)

labellings = st.integers(2, 4).flatmap(
    lambda c: st.lists(st.integers(0, c - 1), min_size=8, max_size=40)
)


@given(labellings, st.data())
def test_accuracy_is_the_best_over_all_matchings(labels, data):
    n = len(labels)
    clusters = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    best = max(
        sum(match[k] == y for k, y in zip(clusters, labels, strict=True)) / n
        for match in itertools.permutations(range(4))
    )
    table = contingency(np.array(labels), np.array(clusters))
    assert clustering_accuracy(table) == pytest.approx(best)


@given(labellings, st.data())
def test_scores_are_those_of_scikit_learn(labels, data):
    n = len(labels)
    clusters = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    assert (contingency(labels, clusters) == contingency_matrix(labels, clusters)).all()
    scores = clustering_scores(np.array(labels), np.array(clusters), 4)
    assert scores["ari"] == pytest.approx(adjusted_rand_score(labels, clusters), abs=1e-12)
    for mean in NMI_MEANS:
        name = "nmi" if mean == "arithmetic" else f"nmi_{mean}"
        wanted = normalized_mutual_info_score(labels, clusters, average_method=mean)
        assert scores[name] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("mean", NMI_MEANS)
@given(labels=labellings, M=st.integers(2, 5), data=st.data())
def test_no_clustering_passes_the_ceiling(mean, labels, M, data):
    n = len(labels)
    clusters = data.draw(st.lists(st.integers(0, M - 1), min_size=n, max_size=n))
    if len(set(labels)) == 1:
        return  # NMI is 1 by convention where both sides are constant
    ceiling = nmi_ceiling(M, np.array(labels), mean)
    nmi = normalized_mutual_info_score(labels, clusters, average_method=mean)
    assert nmi <= ceiling + 1e-9


@pytest.mark.parametrize(
    ("mean", "ceiling"),
    [
        ("arithmetic", 2 * np.log(2) / np.log(20)),
        ("geometric", np.sqrt(np.log(2) / np.log(10))),
        ("min", 1),
        ("max", np.log(2) / np.log(10)),
    ],
)
def test_ceilings_of_two_clusters_on_ten_classes_are_reached(mean, ceiling):
    labels = np.repeat(np.arange(10), 30)
    assert nmi_ceiling(2, labels, mean) == pytest.approx(ceiling)
    halves = normalized_mutual_info_score(labels, labels >= 5, average_method=mean)
    assert halves == pytest.approx(ceiling)
    assert nmi_ceiling(10, labels, mean) == pytest.approx(1)


def test_scores_of_a_perfect_and_of_a_constant_clustering():
    labels = np.repeat([0, 1], 50)
    perfect = clustering_scores(labels, 1 - labels, 2)
    assert perfect["nmi"] == perfect["acc"] == perfect["ari"] == pytest.approx(1)
    constant = clustering_scores(labels, np.zeros(100), 2)
    assert constant["nmi"] == constant["ari"] == pytest.approx(0)
    assert constant["clusters_used"] == 1
    assert dominance(np.array([0.25, 0.75])) == 0.75
    assert load_entropy(np.full(5, 0.2)) == pytest.approx(1)
    assert load_entropy(np.array([0.0, 1.0, 0.0])) == 0


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.76, 0.84, Verdict(claims.HOLDS)),
        (0.70, 0.84, Verdict(claims.OPEN, "the figure lies in our interval")),
        (0.70, 0.78, Verdict(claims.OPEN)),
        (0.10, 0.20, Verdict(claims.FAILS, "ours is lower")),
        (0.90, 0.95, Verdict(claims.FAILS, "ours is higher")),
    ],
)
def test_verdicts_on_figures(low, high, verdict):
    figure = claims.PaperFigure("moa_plus", "nmi", 0.8, 1)
    assert claims.figure_verdict(figure, Estimate(0, low, high, 10)) == verdict
    assert claims.figure_verdict(figure, Estimate(0, low, high, 4)).word == claims.OPEN


@pytest.mark.parametrize(
    ("sign", "low", "high", "verdict"),
    [
        (+1, 0.1, 0.2, Verdict(claims.HOLDS)),
        (-1, -0.2, -0.1, Verdict(claims.HOLDS)),
        (+1, -0.1, 0.2, Verdict(claims.OPEN)),
        (+1, 0.0, 0.0, Verdict(claims.OPEN)),
        (-1, 0.1, 0.2, Verdict(claims.FAILS, "the opposite does")),
    ],
)
def test_verdicts_on_comparisons(sign, low, high, verdict):
    assert claims.comparison_verdict(sign, Estimate(0, low, high, 10)) == verdict
    assert claims.comparison_verdict(sign, Estimate(0, low, high, 2)).word == claims.OPEN


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.01, 0.015, Verdict(claims.EQUIVALENT)),
        (0.01, 0.015, Verdict(claims.EQUIVALENT, "higher")),
        (-0.015, -0.01, Verdict(claims.EQUIVALENT, "lower")),
        (0.01, 0.03, Verdict("higher")),
        (-0.03, -0.02, Verdict("lower")),
        (-0.03, 0.01, Verdict(claims.OPEN)),
        (np.nan, np.nan, Verdict(claims.OPEN)),
    ],
)
def test_two_means_are_equivalent_or_one_is_larger_or_it_is_open(low, high, verdict):
    assert claims.compare(Estimate(0, low, high, 10), margin=0.02) == verdict


@pytest.mark.parametrize(
    ("verdict", "printed"),
    [
        (Verdict(claims.HOLDS), "holds"),
        (Verdict(claims.FAILS, "ours is lower"), "does not hold (ours is lower)"),
        (Verdict(claims.NEITHER, "off by 5 %"), "off by 5 %"),
    ],
)
def test_a_verdict_is_printed_with_its_reason(verdict, printed):
    assert claims.format_verdict(verdict) == printed


def test_enough_seeds_are_those_whose_interval_clears_the_nearest_limit():
    rng = np.random.default_rng(0)
    values = rng.normal(0.8, 0.1, size=10)
    measured = estimate(values)
    limits = (0.75, 0.85)
    n = claims.seeds_to_decide(limits, measured)
    again = estimate(rng.choice(values, size=2 * n))
    assert n > 10
    assert min(abs(again.low - measured.mean), abs(again.high - measured.mean)) < min(
        abs(measured.mean - limit) for limit in limits
    )
    assert claims.seeds_to_decide((0.0,), estimate([0.1, 0.2])) == 0


def test_a_run_is_better_with_the_higher_score_or_the_lower_loss():
    first = pd.DataFrame({"nmi": [0.5, 0.7], "mixture_error": [0.5, 0.7]})
    second = pd.DataFrame({"nmi": [0.1, 0.6], "mixture_error": [0.1, 0.6]})
    assert improvement(first, second, "nmi").mean == 0.75
    assert improvement(first, second, "mixture_error").mean == 0.25


def test_a_cell_is_a_number_until_it_is_printed():
    columns = {"nmi": [0.1, 0.2, 0.3], "nmi_ceiling": [1.0] * 3, "acc": [np.nan] * 3}
    others = {"dominance": [0.5] * 3, "experts": [2] * 3, "method": ["moa"] * 3}
    rows = pd.DataFrame(columns | others)
    assert cell(rows, "nmi").measured.mean == pytest.approx(0.2)
    assert str(cell(rows, "nmi")) == "0.200 (3)"
    assert cell(rows, "nmi").mean == "0.200"
    assert str(cell(rows, "nmi_ceiling")) == "1.000"
    assert str(cell(rows, "acc")) == ""


def test_runs_that_all_failed_leave_nothing_and_decide_nothing():
    one = pd.DataFrame({"seed": [0], "nmi": [0.5], "dominance": [0.5], "experts": [2]})
    none = one.iloc[:0]
    assert str(cell(none, "nmi")) == ""
    assert improvement(one, none, "nmi") is None
    assert paired_difference(one, none, "nmi").n == 0
    assert claims.comparison_verdict(1, paired_difference(one, none, "nmi")).word == claims.OPEN


def test_differences_pair_runs_of_the_same_seed():
    seeds = [0, 1, 2, 3, 4]
    first = pd.DataFrame({"seed": seeds, "nmi": [0.5, 0.7, 0.9, 0.4, 0.3]})
    second = pd.DataFrame({"seed": seeds[::-1], "nmi": [0.2, 0.3, 0.8, 0.6, 0.4]})
    difference = paired_difference(first, second, "nmi")
    assert difference.low == pytest.approx(0.1)
    assert difference.high == pytest.approx(0.1)
