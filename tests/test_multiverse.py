"""The multiverse: its sample, its rules against plain counting, and the page end to end."""

import copy
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from threadpoolctl import threadpool_limits
from workspace import ROOT, call, change_params, make_records, planned_jobs, read_yaml

from moaplus.plan.multiverse import check_multiverse, draw
from moaplus.plan.params import Params
from moaplus.plan.studies import load
from moaplus.report.cells import share
from moaplus.report.multiverse import surrogate as surrogate_module
from moaplus.report.multiverse.decisions import OUTCOMES, variance_table
from moaplus.report.multiverse.joint import STATISTICS, exchange_p
from moaplus.report.multiverse.nearest import FRESH, RETRAINED, fresh_study, nearest
from moaplus.report.multiverse.readings import FIGURES, READINGS, USUAL, all_at_once, distance, held
from moaplus.report.multiverse.surrogate import Surrogate
from moaplus.report.runs_table import recorded_runs
from moaplus.storage.files import UserError

PARAMS = read_yaml(ROOT / "params.yaml")
PROTOCOLS = draw(Params.model_validate(PARAMS))
DECISIONS = PARAMS["multiverse"]["decisions"]


def test_the_sample_is_of_distinct_protocols_with_all_options_about_equally_often():
    assert len({tuple(p.options.values()) for p in PROTOCOLS}) == len(PROTOCOLS) == 96
    for decision, options in DECISIONS.items():
        counts = Counter(protocol.options[decision] for protocol in PROTOCOLS)
        assert set(counts) == set(range(len(options)))
        assert max(counts.values()) - min(counts.values()) <= 2


def test_a_larger_sample_begins_with_the_smaller_one():
    fewer = copy.deepcopy(PARAMS)
    fewer["multiverse"]["protocols"] = 10
    assert draw(Params.model_validate(fewer)) == PROTOCOLS[:10]


def test_a_whole_multiverse_may_be_drawn():
    small = copy.deepcopy(PARAMS)
    few = {"images": DECISIONS["images"], "latent": [2, 8], "epochs": [1, 2]}
    small["multiverse"].update(protocols=16, decisions=few)
    assert (
        len(
            {run.folder for protocol in draw(Params.model_validate(small)) for run in protocol.runs}
        )
        == 2 * 16
    )


def test_more_seeds_leave_the_first_as_it_was():
    more = copy.deepcopy(PARAMS)
    more["multiverse"]["seeds"] = 3
    for before, after in zip(PROTOCOLS, draw(Params.model_validate(more)), strict=True):
        assert after.pairs[: len(before.pairs)] == before.pairs
        assert [pair[0].seed for pair in after.pairs] == [after.number + 1000 * k for k in range(3)]
        assert len({pair[0].protocol for pair in after.pairs}) == 1


def test_protocols_that_would_share_seeds_are_refused():
    many = copy.deepcopy(PARAMS)
    many["multiverse"].update(protocols=1001, seeds=2)
    with pytest.raises(UserError, match=r"multiverse\.seeds: 2 of more than 1,000 protocols"):
        check_multiverse(Params.model_validate(many))


def test_components_of_variance_are_found():
    rng = np.random.default_rng(0)
    protocols, seeds = 2000, 3
    by_protocol, noise = rng.normal(0, 2, protocols), rng.normal(0, 1, (protocols, seeds))
    values = (by_protocol[:, None] + noise).ravel()
    index = pd.MultiIndex.from_product([range(protocols), range(seeds)], names=["protocol", "seed"])
    row, *_ = variance_table(pd.DataFrame(dict.fromkeys(OUTCOMES, values), index=index))
    assert float(row["standard deviation between protocols"]) == pytest.approx(2, rel=0.05)
    assert float(row["between seeds"]) == pytest.approx(1, rel=0.05)
    assert float(row["share of variance between protocols"]) == pytest.approx(0.8, abs=0.03)


def test_more_experts_than_images_are_refused():
    few = copy.deepcopy(PARAMS)
    few["multiverse"]["decisions"]["images"][1]["images"] = 2
    few["multiverse"]["experts"] = 3
    with pytest.raises(UserError, match=r"multiverse\.experts: 3 is more than the 2 images"):
        check_multiverse(Params.model_validate(few))


def test_both_models_of_a_protocol_differ_in_nothing_but_the_objective():
    for protocol in PROTOCOLS:
        ((first, second),) = ((a.settings(), b.settings()) for a, b in protocol.pairs)
        assert (first.pop("objective"), second.pop("objective")) == ("moa", "moa_plus")
        assert first == second
        assert first["seed"] == protocol.number
        chosen = {**first["network"], **first["training"]}
        for decision, option in protocol.options.items():
            wanted = DECISIONS[decision][option]
            if decision != "images":
                assert chosen[decision] == (tuple(wanted) if isinstance(wanted, list) else wanted)


def frame(values) -> pd.DataFrame:
    columns = ["nmi_moa", "nmi_moa_plus", "loss_moa", "loss_moa_plus"]
    return pd.DataFrame(values, columns=columns)


def test_claims_and_distance_by_hand():
    found = frame([[0.08, 0.8, 0.018, 0.008], [0.0, 0.84, 0.0034, 0.0104], [np.nan] * 4])
    claims = held(found, found.isna())
    assert claims.loc[0].all()
    assert claims.loc[1].to_dict() == {
        "nmi_moa": False, "nmi_moa_plus": True, "loss_moa": False, "loss_moa_plus": False,
        "nmi": True, "loss": False, "both": False, "all": False,
    }  # fmt: skip
    assert not claims.loc[2].any()
    away = distance(found)
    squares = (0.08 / 0.72) ** 2 + (0.04 / 0.72) ** 2 + 1.46**2 + 0.24**2
    assert away[0] == pytest.approx(0, abs=1e-12)
    assert away[1] == pytest.approx((squares / 4) ** 0.5)
    assert np.isnan(away[2])


def test_figures_that_stand_beside_no_other_are_named():
    rows = [(1, 0, 0, 0), (0, 1, 0, 1), (0, 1, 0, 0)]
    found = pd.DataFrame(rows, columns=FIGURES, dtype=bool).assign(all=False)
    answer, table = all_at_once(PROTOCOLS[:3], {USUAL: found})
    assert "**No**" in answer
    assert answer.endswith("Never beside any of the others: nmi of Standard MoA: 0.08.")
    assert [row["protocols × readings"] for row in table] == [1, 2, 0, 1]
    answer, table = all_at_once(PROTOCOLS[:3], {USUAL: found.assign(all=[False, True, False])})
    assert answer.startswith("**Yes**, in protocol 1 (")
    assert table == []


def test_wilson_interval_by_its_formula():
    n, k, z = 96, 12, 1.959964
    middle, half = (k / n + z**2 / (2 * n)), z * ((k / n * (1 - k / n) + z**2 / (4 * n)) / n) ** 0.5
    low, high = ((middle + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    assert str(share([True] * k + [False] * (n - k))) == f"12 of 96: 0.12 [{low:.2f}, {high:.2f}]"


def test_there_are_48_readings_and_the_usual_one_is_that_of_the_tables():
    assert len(set(READINGS)) == 48
    assert USUAL.columns == {"nmi": "nmi", "loss": "mixture_error"}
    assert USUAL.split == "train"
    wanted = {column for reading in READINGS for column in reading.columns.values()}
    assert len(wanted) == 8 + 4


@threadpool_limits.wrap(limits=1)  # as the page is written; twice as fast beside other tests
def test_a_surrogate_finds_what_decides_and_admits_where_nothing_does(monkeypatch):
    monkeypatch.setattr(surrogate_module, "REPEATS", 1)
    counts = {name: len(options) for name, options in DECISIONS.items()}
    options = pd.DataFrame([protocol.options for protocol in PROTOCOLS])
    noise = np.random.default_rng(0).normal(size=len(options))
    ordered = {"epochs", "latent"}
    decided = options["epochs"] + (options["architecture"] == 2) * 2.0 + 0.1 * noise
    surrogate = Surrogate(options, counts, ordered, decided.to_numpy())
    indices = surrogate.sensitivities()
    # Variances over the space: of 0, 1, 2, 3, and of 2 in a third of the cases.
    epochs, architecture = np.var([0, 1, 2, 3]), 4 * (1 / 3) * (2 / 3)
    assert surrogate.accuracies.min() > 0.9
    assert surrogate.is_trusted
    assert indices["epochs"] == pytest.approx(epochs / (epochs + architecture), abs=0.1)
    assert indices["architecture"] == pytest.approx(architecture / (epochs + architecture), abs=0.1)
    assert surrogate.noise == pytest.approx(0.1, rel=0.6)
    means = surrogate.effects("epochs")["mean"].to_numpy()
    assert np.diff(means) == pytest.approx([1, 1, 1], abs=0.15)
    assert not Surrogate(options, counts, ordered, noise).is_trusted


def test_labels_that_mean_nothing_can_be_exchanged():
    rng = np.random.default_rng(0)
    nothing, something = rng.normal(size=20), rng.normal(0.5, size=20)
    for statistic in STATISTICS.values():
        assert exchange_p(nothing, statistic) > 0.1
        assert exchange_p(something, statistic) < 0.05
    exact = binomtest((something > 0).sum(), 20).pvalue
    assert exchange_p(something, STATISTICS["protocols above 0"]) == pytest.approx(exact, rel=0.2)


def smaller(params: dict) -> None:
    """Set a multiverse of seconds."""
    images = [{"classes": [0, 1], "images": 300}, {"classes": "all", "images": 300}]
    decisions = {"images": images, "latent": [2, 8], "epochs": [2, 20]}
    few = {"protocols": 6, "seed": 0, "experts": 2, "seeds": 2}
    params["multiverse"] = few | {"decisions": decisions}


def test_the_page_counts_what_the_protocols_left(workspace):
    change_params(workspace, smaller)
    make_records(run for protocol in load().protocols for run in protocol.runs)
    call(workspace, "snakemake", "--cores", "2", "--quiet", "all", "--", "multiverse")
    page = (workspace / "results/multiverse.md").read_text(encoding="utf-8")
    runs = pd.read_csv(workspace / "results/multiverse/runs.csv")
    assert len(runs) == 6 * 2 * 2 * 2
    assert sorted(set(runs["seed"])) == [*range(6), *range(1000, 1006)]
    train = runs[runs["split"] == "train"].pivot(index="seed", columns="method")
    number = train.index % 1000
    failed = (train["mixture_error"] >= train["mean_image_error"]).any(axis=1)
    lost = failed | (train["worst_error"] >= train["mean_image_error"]).any(axis=1)
    assert failed.any()  # after two epochs
    failed, lost = failed.groupby(number).any(), lost.groupby(number).any()
    means = train[["nmi", "mixture_error"]].groupby(number).mean()
    higher = ((means["nmi"]["moa_plus"] > means["nmi"]["moa"]) & ~failed).sum()
    errors = means["mixture_error"]
    lower = ((errors["moa_plus"] < errors["moa"]) & ~lost).sum()
    for claim, count in (("higher nmi", higher), ("lower loss", lower)):
        (printed,) = set(re.findall(rf"MoA\+ has the {claim} +\| (\d+) of 6:", page))
        assert int(printed) == count
    by_protocol = (train["nmi"]["moa_plus"] - train["nmi"]["moa"]).groupby(number)
    within = by_protocol.var().mean()
    between = max(0, by_protocol.mean().var() - within / 2)
    row = rf"\| NMI, MoA\+ minus MoA +\| {between**0.5:.3f} +\| {within**0.5:.3f} +\|"
    assert re.search(row, page)
    assert planned_jobs(workspace, "multiverse") == {}


def test_the_nearest_protocols_are_trained_again_with_seeds_of_no_other_study(monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = load()
    runs = recorded_runs([run for protocol in plan.protocols for run in protocol.runs])
    studies = [fresh_study(plan, near) for near in nearest(plan.protocols, runs)[:RETRAINED]]
    assert all(studies)
    seeds = {(name, run.seed) for name, study in plan.studies.items() for run in study.runs}
    assert {name for name, seed in seeds if seed >= FRESH} == {study.name for study in studies}
    for study in studies:
        assert {run.seed for run in study.runs} == set(range(FRESH, FRESH + 20))
