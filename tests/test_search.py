"""The search for the talk's table: proposals, distance, records, and the page, end to end."""

import copy
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from workspace import ROOT, call, change_params, read_yaml, write_yaml

from moaplus.data.select import select
from moaplus.plan import studies
from moaplus.plan.datasets import raw_files
from moaplus.plan.params import Params
from moaplus.plan.search import Candidate
from moaplus.search import search as search_module
from moaplus.search.fresh import fresh_of
from moaplus.search.judge import judge, sound
from moaplus.search.page import answer, study_text, write_search
from moaplus.search.propose import RANDOM, propose
from moaplus.search.search import search
from moaplus.search.trial import Trial, load_trials, nearest
from moaplus.storage.files import UserError

PARAMS = read_yaml(ROOT / "params.yaml")
SEARCH = PARAMS["search"]


def entry(nmi, mixed, routed=None, worst=None, objective=None, failed=None, **training) -> dict:
    routed, worst, objective = (each or mixed for each in (routed, worst, objective))
    curves = {"nmi": nmi, "mixture_error": mixed, "routed_error": routed}
    return {
        "settings": {"training": training},
        "mean_image_error": 0.06,
        "failed": failed,
        "curves": curves | {"worst_error": worst, "objective": objective},
    }


def test_the_talks_own_table_has_no_distance_from_itself():
    found = judge([[entry([0.5, 0.08], [0.03, 0.018]), entry([0.8, 0.9], [0.008, 0.007])]])
    assert found.distance == pytest.approx(0)
    assert [stop.epoch for stop in found.stops.values()] == [2, 1]


def test_the_distance_is_that_of_means_over_seeds_at_the_best_epoch_and_loss():
    standard = [entry([0.1, 0.3], [0.02, 0.01]), entry([0.3, 0.1], [0.03, 0.02])]
    ours = [entry([0.6, 0.4], [0.02, 0.03], routed=[0.01, 0.02]), entry([0.8, 0.8], [0.02, 0.01])]
    found = judge(list(zip(standard, ours, strict=True)))
    by_hand = []
    for epoch, other, routed in np.ndindex(2, 2, 2):
        column = "routed_error" if routed else "mixture_error"
        figures = [
            (np.mean([e["curves"]["nmi"][epoch] for e in standard]) - 0.08) / 0.72,
            (np.mean([e["curves"]["mixture_error"][epoch] for e in standard]) - 0.018) / 0.010,
            (np.mean([e["curves"]["nmi"][other] for e in ours]) - 0.8) / 0.72,
            (np.mean([e["curves"][column][other] for e in ours]) - 0.008) / 0.010,
        ]
        by_hand.append(np.sqrt(np.mean(np.square(figures))))
    assert found.distance == pytest.approx(min(by_hand))
    assert found.stops["moa_plus"].loss == "routed_error"


def test_with_top_1_routing_the_loss_of_moa_is_that_of_the_chosen_expert():
    top_1 = entry([0.08], [0.05], routed=[0.018], routing="top_1")
    assert judge([[top_1, entry([0.8], [0.008])]]).distance == pytest.approx(0)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (entry([0.1, 0.1], [0.05, 0.07]), [True, False]),
        (entry([0.1, 0.1], [0.05, 0.05], worst=[0.07, 0.05]), [False, True]),
        (entry([0.1, 0.1], [0.05, 0.05], pretrain=1), [False, True]),
        (entry([], [], failed="Γ is not finite"), []),
    ],
)
def test_an_epoch_counts_if_the_training_that_ends_there_has_not_failed(training, expected):
    assert sound(training) == expected
    other = entry([0.8, 0.8], [0.008, 0.008])
    both = judge([[training, other], [entry([0.1, 0.1], [0.02, 0.02]), other]])
    assert both is None if not expected else both.stops["moa"].epoch == expected.index(True) + 1


def test_proposals_follow_from_the_past_alone():
    params = Params.model_validate(PARAMS)
    first = propose(params, [], 20)
    assert first == propose(params, [], 20)
    sizes = {key: len(options) for key, options in SEARCH["decisions"].items()} | {"selection": 45}
    assert all(options.keys() == sizes.keys() for options in first)
    assert all(0 <= options[key] < size for options in first for key, size in sizes.items())
    # A past in which only Adam is near: it is proposed more often than by chance.
    past = [(options, 0.1 + options["optimizer"]) for options in propose(params, [], RANDOM)]
    later = propose(params, past, 20)
    assert sum(options["optimizer"] == 0 for options in later) > 14


def test_a_protocol_of_the_search_names_its_runs():
    params = Params.model_validate(PARAMS)
    (options,) = propose(params, [], 1)
    candidate = Candidate(7, options, params)
    assert len({*candidate.seeds, *candidate.fresh_seeds}) == 3 + 20
    for run, model in zip(candidate.runs(candidate.seeds[1]), ("moa", "moa_plus"), strict=True):
        assert (run.objective, run.seed, run.training.epochs) == (model, 20022, SEARCH["epochs"])
        chosen = dict(run.network) | dict(run.training)
        for key, few in SEARCH["decisions"].items():
            if key != "images":
                assert chosen[key] == studies_value(few[options[key]])


def studies_value(value):
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("protocols", 0, r"search\.protocols: 0 is not allowed; allowed: a whole number from 1"),
        ("nearest", 0, r"search\.nearest: 0 is not allowed"),
        ("protocols", 3334, r"search\.protocols: 3334 of 3 seeds would use .*; allowed: .* 3,333"),
        ("experts", 2001, r"search\.experts: 2001 is not allowed"),
        ("tries", 3, r"search: 'tries': no such key; allowed: "),
    ],
)
def test_a_wrong_search_is_one_line(tmp_path, key, value, words):
    params = copy.deepcopy(PARAMS)
    params["search"][key] = value
    refused(tmp_path, params, words)


@pytest.mark.parametrize(
    ("key", "options", "words"),
    [
        ("epochs", [1, 2], r"search\.decisions: 'epochs': no such key; allowed: images, "),
        ("optimizer", ["adam", "adagrad"], r"search\.decisions\.optimizer\[1\]: 'adagrad' is not"),
        ("learning_rate", [0.1], r"search\.decisions\.learning_rate: \[0\.1\] is not allowed"),
        ("views", [[], ["affine"]], r"train\.views: affine is not allowed"),
        ("images", [{"classes": "all", "images": 3}] * 2, "two the same|not allowed"),
    ],
)
def test_a_wrong_decision_is_one_line(tmp_path, key, options, words):
    params = copy.deepcopy(PARAMS)
    params["search"]["decisions"][key] = options
    refused(tmp_path, params, words)


def test_fewer_images_than_experts_are_refused(tmp_path):
    params = copy.deepcopy(PARAMS)
    params["search"]["decisions"]["images"][0]["images"] = 2
    params["search"]["experts"] = 3
    refused(tmp_path, params, r"search\.experts: 3 is more than the 2 images")


def refused(tmp_path: Path, params: dict, words: str) -> None:
    write_yaml(tmp_path / "params.yaml", params)
    with pytest.raises(UserError, match=words) as error:
        studies.load(tmp_path / "params.yaml")
    assert "\n" not in str(error.value)


SMALL = {
    "protocols": 4,
    "epochs": 6,
    "seeds": 2,
    "nearest": 2,
    "fresh_seeds": 2,
    "seed": 1,
    "experts": 2,
    "decisions": {
        "images": [{"classes": [0, 1], "images": 1000}, {"classes": [3, 4], "images": 1000}],
        "latent": [4, 8],
        "gate": ["small", "linear"],
        "channels": [[4, 8], [8, 16]],
        "learning_rate": [0.004, 0.008],
        "batch_size": [8, 16],
        "gate_rate": [0.5, 1],
        "clip_norm": [0, 0.5],
        "pretrain": [0, 1],
    },
}


@pytest.fixture
def small(workspace, monkeypatch) -> Params:
    """A search of four protocols in a workspace with its images, two at a time."""
    change_params(workspace, lambda params: params.update(search=SMALL))
    monkeypatch.setattr(search_module, "GENERATION", 2)
    plan = studies.load()
    for selection in plan.searched:
        select(selection, raw_files("mnist"))
    return plan.params


def records() -> dict[str, list[dict]]:
    """Return what the records of a search say, but for the time that they took."""
    found = {}
    for path in sorted(Path("results/search").rglob("*.json")):
        entries = json.loads(path.read_text(encoding="utf-8"))["runs"]
        assert all(each.pop("seconds") > 0 for each in entries)
        found[path.as_posix()] = entries
    return found


def test_a_search_goes_on_from_its_records_to_the_same_end(small, monkeypatch):
    with monkeypatch.context() as patch:  # in this process, which has torch
        patch.setattr(search_module, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
        search(small, threads=1)
    whole = records()
    trials = load_trials(small)
    assert [trial.is_whole for trial in trials].count(False) in (1, 2)
    assert len(nearest(trials)) == 2
    assert len(whole) == 4 + sum(trial.is_whole for trial in trials) + 2 * 2
    # Killed at some place: what is there stays, and the rest follows, by two processes.
    paths = list(whole)
    kept = {path: Path(path).read_bytes() for path in paths[:3]}
    for path in paths[3:]:
        Path(path).unlink()
    search(small, threads=2)
    assert records() == whole
    assert {path: Path(path).read_bytes() for path in kept} == kept  # not made again

    write_search(small)
    page = Path("results/search.md").read_text(encoding="utf-8")
    again = sorted(map(fresh_of, nearest(trials)), key=lambda fresh: fresh.distance)
    assert answer(trials, again) in page
    assert f"that is {2 * len(whole)} trainings" in page

    for path in paths:  # of fresh seeds
        if "/seed3" in path:
            Path(path).unlink()
    write_search(small)
    page = Path("results/search.md").read_text(encoding="utf-8")
    assert "The search is not finished: 4 of 4 protocols." in page
    assert "The nearest that a search" not in page

    damaged = Path(paths[0])
    damaged.write_text(damaged.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    with pytest.raises(UserError, match=f"{re.escape(paths[0])}: damaged .* delete it"):
        search(small, threads=1)
    other = small.model_copy(update={"search": small.search.model_copy(update={"epochs": 3})})
    damaged.write_bytes(kept[paths[0]])
    with pytest.raises(UserError, match=r"of another search than that of params\.yaml"):
        search(other, threads=1)


def test_the_study_that_a_page_prints_trains_the_same(small, workspace):
    options = dict.fromkeys(SMALL["decisions"], 1) | {"selection": 0}
    trial = Trial(Candidate(0, options, small))
    stops = judge([[entry([0.1, 0.1], [0.05, 0.02]), entry([0.8], [0.008])]]).stops
    trial.judgement = type("Judged", (), {"stops": stops})
    path = workspace / "found.yaml"
    path.write_text(study_text(trial), encoding="utf-8")
    change_params(workspace, lambda params: params["studies"].update(read_yaml(path)))
    study = studies.load().studies["found"]
    assert len(study.runs) == 2 * 2
    for run in study.runs:
        (wanted,) = (r for r in trial.candidate.runs(run.seed) if r.objective == run.objective)
        epochs = stops[run.objective].epoch
        training = wanted.training.model_copy(update={"epochs": epochs})
        assert (run.selection, run.network, run.training) == (
            wanted.selection,
            wanted.network,
            training,
        )


def fresh(figures: tuple[float, float, float, float], seeds: int = 20) -> Trial:
    """Return a protocol whose fresh seeds all have these figures, in the order of the paper's."""
    params = Params.model_validate(PARAMS)
    candidate = Candidate(3, dict.fromkeys(SEARCH["decisions"], 0) | {"selection": 0}, params)
    moa, plus, moa_loss, plus_loss = figures
    pair = [entry([moa], [moa_loss]), entry([plus], [plus_loss])]
    return Trial(candidate, dict.fromkeys([*candidate.seeds, *candidate.fresh_seeds], pair))


def test_the_search_ends_in_one_of_two_sentences():
    there, near = fresh((0.08, 0.8, 0.018, 0.008)), fresh((0.08, 0.8, 0.018, 0.009))
    found = fresh_of(there)
    assert found.in_the_mean
    assert (found.at_once.count, found.at_once.n) == (20, 20)
    assert answer([there], [found]).startswith("**All four figures come out under this protocol:**")
    missed = answer([near], [fresh_of(near)])
    assert missed.startswith("**The nearest that a search of 1 protocols found is**")
    assert re.search(r"stands against it:\*\* loss, MoA\+, is 0\.0090 \[0\.0090, 0\.0090\]", missed)


def test_snakemake_makes_the_page_and_then_has_nothing_to_do(small, workspace):
    few = {"protocols": 2, "epochs": 2, "seeds": 1, "nearest": 1, "fresh_seeds": 1}
    change_params(workspace, lambda params: params["search"].update(few))
    call(workspace, "snakemake", "--cores", "2", "--quiet", "all", "--", "search")
    assert (workspace / "results/search.md").exists()
    said = call(workspace, "snakemake", "--cores", "2", "--dry-run", "--", "search")
    assert "Nothing to be done" in said
