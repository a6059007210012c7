"""Pages of the longer studies, end to end on a small budget, against plain counting."""

import contextlib
import itertools
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from workspace import (
    ROOT,
    call,
    change_params,
    make_records,
    make_workspace,
    planned_jobs,
)

from moaplus.__main__ import main
from moaplus.plan.results import PICTURED, RESULTS, STUDIES
from moaplus.plan.runs import Study
from moaplus.plan.studies import load
from moaplus.report.pages import pairs
from moaplus.report.pages.codes import crossing
from moaplus.report.pages.rates import own_rates
from moaplus.report.titles import METHODS

BOTH = ["moa", "moa_plus"]
TWO = [{"classes": [0, 1], "images": 200}, {"classes": "all", "images": 200}]
FIRST = TWO[:1]


def study(selections: list, seeds: object, epochs: int, **more: object) -> dict:
    """Return a study of seconds."""
    common = {"selections": selections, "experts": [2], "objectives": BOTH, "seeds": seeds}
    return common | {"train": {"epochs": epochs, "batch_size": 50}, "keep": "scores"} | more


def longer(params: dict) -> None:
    """Make the longer studies short."""
    few = {"first": 0, "count": 5}
    paper = study(TWO, few, 1)
    del paper["keep"]
    params["default"] = ["paper"]
    params["studies"] = {
        "paper": paper,
        "long": study(TWO, few, 3),
        "seeds": study(FIRST, {"first": 1000, "count": 7}, 1, references=[]),
        "rates": study(
            FIRST, [0, 1, 2, 3, 4, 100, 101], 1, vary={"learning_rate": [1e-3, 1e-2]}, references=[]
        ),
        "codes": study(FIRST, few, 3, vary={"latent": [2, 8]}, references=[]),
        "view_rates": study(
            FIRST,
            [100, 101],
            1,
            vary={"learning_rate": [1e-3, 1e-2], "weight_decay": [0, 0.1]},
            objectives=["moa_plus_views"],
            model={"gate": "one_head"},
            references=[],
        ),
        "two_ways": study(
            FIRST, few, 1, also=[{"objectives": ["moa_plus"], "model": {"latent": 2}}]
        ),
    }


@pytest.fixture(scope="session")
def done(tmp_path_factory, mnist):
    """A workspace in which all of them and the default study have run, in one process.

    The workflow would start two hundred, which takes minutes.
    """
    folder = make_workspace(tmp_path_factory.mktemp("pages") / "workspace", mnist)
    change_params(folder, longer)
    with contextlib.chdir(folder):
        plan = load()
        make_records(plan.study_runs.values())
        commands = [("reference", path) for path in plan.references]
        studies = [name for name in plan.studies if name not in plan.default]
        for place in (*(f"{STUDIES}/{name}" for name in studies), str(RESULTS)):
            commands.append(("runs_table", place))
            commands += [("figure", study) for study in PICTURED if place.endswith(f"/{study}")]
            commands.append(("table", place))
        assert [main(command) for command in commands] == [0] * len(commands)
    return folder


def page(folder, name: str) -> tuple[str, pd.DataFrame]:
    """Return a study's table, and its rows of the training images."""
    place = folder / "results" if name == "paper" else folder / "results/studies" / name
    runs = pd.read_csv(place / "runs.csv").fillna({"variant": ""})
    return (place / "table.md").read_text(encoding="utf-8"), runs[runs["split"] == "train"]


def test_the_workflow_has_nothing_to_add_and_the_figures_are_drawn(done):
    targets = [f"results/studies/{name}/table.md" for name in ("rates", "codes")]
    # The coverage of intervals, by which tables mark them, is computed anew in a fresh folder.
    assert planned_jobs(done, *targets) == {"probe": 1, "table": 2}
    for name in ("rates", "codes"):
        assert (done / f"results/studies/{name}/{name}.png").stat().st_size > 10_000


def test_the_first_table_shows_both_budgets_side_by_side(done):
    text, _ = page(done, "paper")
    first = text.split("\n\n")[2].splitlines()
    headings = [cell.strip() for cell in first[0].split("|")]
    assert {"1 epochs", "verdict", "3 epochs", "verdict after 3 epochs"} <= set(headings)
    assert len(first) == 2 + 2 * 9
    _, later = page(done, "long")
    for line in first[2:]:
        cells = dict(zip(headings, (cell.strip() for cell in line.split("|")), strict=True))
        if cells["claim"].startswith("NMI of MoA+"):
            rows = later[(later["method"] == "moa_plus") & later["selection"].str.endswith("n200")]
            all_ten = rows["selection"].str.contains("all") == cells["images"].startswith("all")
            mean = rows.loc[all_ten, "nmi"].mean()
            assert cells["3 epochs"].startswith(f"{mean:.3f} [")
    assert "With 7 other seeds" in text


def test_a_record_that_is_lost_takes_its_columns_with_it(done, tmp_path):
    folder = shutil.copytree(done, tmp_path / "workspace", symlinks=True)
    next((folder / "results/records").glob("**/cae-epochs=3*/**/seed0.json")).unlink()
    call(folder, "moaplus", "table")
    text = (folder / "results/table.md").read_text(encoding="utf-8")
    assert "3 epochs" not in text
    assert "has not been run under these settings" in text


def test_each_method_gets_the_rate_that_its_own_objective_chooses(done):
    text, runs = page(done, "rates")
    choosing = runs[runs["seed"] >= 100]
    for method, title in (("moa", "Standard MoA"), ("moa_plus", "MoA+")):
        rows = choosing[choosing["method"] == method]
        means = rows.groupby("variant")["objective"].mean()
        rate = re.search("learning_rate=([0-9.]+)", means.idxmin())[1]
        (line,) = re.findall(rf"\| {re.escape(title)} +\| its own: ([0-9.e-]+)", text)
        assert float(line) == float(rate)
    assert "At an end of the grid" in text


def test_the_gate_that_sees_views_learns_as_its_own_objective_chooses(done):
    text, runs = page(done, "view_rates")
    means = runs.groupby("variant")["objective"].mean()
    assert len(means) == 4
    assert re.findall(r"\*\*(\d+\.\d{3})\*\*", text) == [f"{means.min():.3f}"]
    best = means.idxmin()
    edges = re.search(r"At an end of the grid, so perhaps not the best\*\*: (.*)\.", text)[1]
    rate, decay = re.search("learning_rate=([0-9.]+)", best)[1], "weight_decay" in best
    assert edges == f"learning rate: {float(rate):g}" + ("; weight decay: 0.1" if decay else "")


def test_other_ways_to_train_stand_beside_the_first_and_are_compared_with_it(done):
    text, runs = page(done, "two_ways")
    first, other = "epochs=1, batch_size=50", "latent=2"
    nmi = runs.set_index(["method", "variant"])["nmi"]
    for method, settings in (("moa", first), ("moa_plus", first), ("moa_plus", other)):
        mean = nmi[method, settings].mean()
        title = re.escape(METHODS[method])
        assert re.search(rf"\| {title} +\| {settings} +\| {mean:.3f} \[", text)
    for method, settings in (("moa", first), ("moa_plus", other)):
        difference = nmi["moa_plus", first].mean() - nmi[method, settings].mean()
        title = re.escape(METHODS[method])
        assert re.search(rf"\| {title} +\| {settings} +\| {difference:.3f} \[", text)
    assert "MoA+ minus the other, seed by seed." in text
    assert "the same budget" not in text


def test_a_rate_at_which_a_training_diverged_is_not_chosen():
    rows = [
        {"selection": "s", "method": "moa", "learning_rate": rate, "seed": seed, "objective": value}
        for rate, seed, value in [
            (0.1, 100, 1.0), (0.1, 101, 1.0), (0.2, 100, 0.5), (0.4, 100, 2.0), (0.4, 101, 0.1),
            (0.1, 0, 9.0), (0.4, 0, 0.0),
        ]
    ]  # fmt: skip
    assert own_rates(pd.DataFrame(rows)) == {("s", "moa"): 0.1}


@pytest.mark.parametrize(
    ("means", "first"),
    [([1, -1, -1], 2), ([-1, -1, -1], 1), ([-1, 1, -1], 3), ([1, 1, 1], "never")],
)
def test_the_epoch_from_which_a_loss_stays_below(means, first):
    noise = np.linspace(-0.1, 0.1, 5)
    change = pd.DataFrame([mean + noise for mean in means], index=[1, 2, 3])
    line = crossing(8, change)
    assert line["MoA+'s loss stays below from epoch"] == first
    assert line["MoA+'s loss is then"] == ("lower" if means[-1] < 0 else "higher")


def test_losses_along_training_are_those_of_the_records(done):
    text, runs = page(done, "codes")
    assert len(runs) == 2 * 2 * 5
    assert len(re.findall(r"^\| [123] +\| -?0\.\d{4} \[", text, re.M)) == 3
    for latent in (2, 8):
        losses = {"moa": [], "moa_plus": []}
        for path in (done / "results/records").glob(f"**/cae-latent={latent}-*/**/seed*.json"):
            for entry in json.loads(path.read_text(encoding="utf-8"))["runs"]:
                losses[entry["settings"]["objective"]].append(entry["curves"]["mixture_error"][1])
        difference = np.mean(losses["moa_plus"]) - np.mean(losses["moa"])
        assert re.search(rf"^\| 2 +\|.* {difference:.4f} \[", text, re.M)


def test_won_pairs_are_counted_against_each_method():
    plan = load(ROOT / "params.yaml")
    full: Study = plan.studies["pairs"]
    assert not any(run.keep for run in full.runs)
    views = [replace(run, objective="moa_plus_views") for run in full.runs]
    full = replace(full, runs=(*full.runs, *views))
    rng = np.random.default_rng(0)
    ours, others = ["moa_plus", "moa_plus_views"], ["kmeans", "pca_gmm", "ae_kmeans"]
    rows = [
        {"selection": f"mnist-{a}+{b}", "method": method, "seed": seed, "split": "train"}
        | {"nmi": rng.random()}
        for (a, b), method, seed in itertools.product(
            itertools.combinations(range(10), 2), ours + others, range(3)
        )
    ]
    runs = pd.DataFrame(rows)
    text = "\n".join(pairs.sections(full, runs, plan))
    means = runs.groupby(["method", "selection"])["nmi"].mean()
    of = runs.set_index(["method", "selection", "seed"])["nmi"].unstack()
    for method, other in itertools.product(ours, others):
        won = (means[method] > means[other]).sum()
        by_seed = ", ".join(map(str, (of.loc[method] > of.loc[other]).sum()))
        titles = rf"^\| {re.escape(METHODS[method])} +\| {re.escape(METHODS[other])} +"
        assert re.search(rf"{titles}\| {won} of 45 +\| {by_seed} +\|", text, re.M)
    for method in ours + others:
        good = (means[method] >= 0.9).sum()
        by_seed = ", ".join(map(str, (of.loc[method] >= 0.9).sum()))
        title = rf"^\| {re.escape(METHODS[method])} +"
        assert re.search(rf"{title}\| {good} of 45 +\| {by_seed} +\|", text, re.M)
    assert len(pairs.draw(full, runs).axes) >= 5
