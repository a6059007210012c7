"""params.yaml -> studies, runs, paths; and what is said of a wrong params.yaml."""

import copy
from collections import Counter
from pathlib import Path

import pytest
from workspace import ROOT, read_yaml, write_yaml

from moaplus.plan import studies
from moaplus.plan.studies import Plan
from moaplus.storage.files import UserError

PARAMS = read_yaml(ROOT / "params.yaml")


def load(tmp_path: Path, params: object) -> Plan:
    path = tmp_path / "params.yaml"
    write_yaml(path, params)
    return studies.load(path)


def changed(keys: str, value: object) -> dict:
    """The project's parameters with the value at a dotted key replaced."""
    params = copy.deepcopy(PARAMS)
    *parents, last = [int(key) if key.isdigit() else key for key in keys.split(".")]
    place = params
    for key in parents:
        place = place[key]
    place[last] = value
    return params


def test_default_runs_and_how_studies_share_them(tmp_path):
    the_plan = load(tmp_path, PARAMS)
    paper, experts = the_plan.studies["paper"].runs, the_plan.studies["experts"].runs
    assert len(paper) == 2 * 2 * 10
    assert len(experts) == 4 * 2 * 5
    # Shared: ten M = 2 runs on all digits, and those of moa and moa_plus.
    assert len(the_plan.default_runs) == 40 + (40 - 10) + (35 - 10) + 3 + 3
    assert {run.experts for run in paper} == {2}
    assert the_plan.run("models/mnist-0+1/cae/M2/moa_plus/seed3").seed == 3


def test_both_readings_of_the_paper_have_equal_budgets(tmp_path):
    runs = load(tmp_path, PARAMS).studies["paper"].runs
    assert len({run.training for run in runs}) == 1
    assert len({run.network for run in runs}) == 1


def test_paths_name_everything_that_differs(tmp_path):
    study = {
        "dataset": "kmnist",
        "selections": [{"classes": [5, 8], "images": 100}],
        "experts": [3],
        "objectives": ["moa"],
        "seeds": [4],
        "model": {"latent": 8, "channels": [4, 16]},
        "train": {"epochs": 2, "batch_size": 64},
    }
    params = PARAMS | {"subset_seed": 7, "studies": PARAMS["studies"] | {"small": study}}
    (run,) = load(tmp_path, params).studies["small"].runs
    folder = "models/kmnist-5+8-n100-subset7/cae-channels=4+16-latent=8-epochs=2/M3/moa/seed4"
    assert run.folder.as_posix() == folder
    assert (run.training.epochs, run.network.latent, run.network.channels) == (2, 8, (4, 16))
    assert ", ".join(run.changes) == "channels=4+16, latent=8, epochs=2"


OTHER = {
    "model": {"architecture": "unet", "channels": [3, 5], "latent": 9, "gate": "deep"},
    "train": {
        "epochs": 9,
        "batch_size": 9,
        "learning_rate": 0.5,
        "schedule": "constant",
        "weight_decay": 0.5,
        "ridge": 0.5,
        "views": ["affine", "elastic"],
    },
}


@pytest.mark.parametrize(("part", "key"), [(part, key) for part in OTHER for key in PARAMS[part]])
def test_every_setting_that_a_study_changes_is_in_its_folder(tmp_path, part, key):
    smoke = {k: v for k, v in PARAMS["studies"]["smoke"].items() if k != "train"}
    if key == "views":
        smoke["model"] = {"gate": "deep"}  # which sees them
    changes = {part: {key: OTHER[part][key]}}
    params = PARAMS | {
        "studies": {"plain": smoke, "changed": smoke | changes},
        "default": ["plain"],
    }
    plan = load(tmp_path, params)
    plain, changed = ({run.folder for run in plan.studies[n].runs} for n in ("plain", "changed"))
    assert len(plain) == len(changed) == 8
    assert not plain & changed


def test_views_are_for_gates_that_see_them(tmp_path):
    with pytest.raises(
        UserError, match=r"train\.views: affine is not allowed; .* gate small: nothing"
    ):
        load(tmp_path, changed("train", PARAMS["train"] | {"views": ["affine"]}))


def test_whole_numbers_may_be_written_with_a_point(tmp_path):
    params = changed("model", PARAMS["model"] | {"channels": [8.0, 16.0], "latent": 32.0})
    params["train"]["epochs"] = 6.0
    run = next(iter(load(tmp_path, params).default_runs.values()))
    numbers = (*run.network.channels, run.network.latent, run.training.epochs)
    assert numbers == (8, 16, 32, 6)
    assert all(isinstance(number, int) for number in numbers)


def test_what_a_study_varies_is_an_axis_of_its_runs(tmp_path):
    runs = load(tmp_path, PARAMS).studies["architectures"].runs
    assert len(runs) == 3 * 2 * 5
    assert "models/mnist-0+1/unet/M2/moa/seed4" in {run.folder.as_posix() for run in runs}


def test_a_study_may_train_in_other_ways_too(tmp_path):
    other = {"objectives": ["moa"], "train": {"epochs": 3}, "vary": {"latent": [2, 8]}}
    study = PARAMS["studies"]["smoke"] | {"also": [other]}
    smoke = load(tmp_path, changed("studies.smoke", study)).studies["smoke"]
    ways = Counter((run.objective, ", ".join(run.changes)) for run in smoke.runs)
    seeds = 2 * len(study["experts"])
    assert ways == {
        ("moa", "epochs=1"): seeds,
        ("moa_plus", "epochs=1"): seeds,
        ("moa", "latent=2, epochs=3"): seeds,
        ("moa", "latent=8, epochs=3"): seeds,
    }
    assert smoke.common_changes == []


def test_seeds_may_be_counted_and_classes_taken_in_pairs(tmp_path):
    params = changed("studies.smoke.seeds", {"first": 7, "count": 3})
    params["studies"]["smoke"]["selections"] = [{"classes": "pairs", "images": "all"}]
    runs = load(tmp_path, params).studies["smoke"].runs
    assert {run.seed for run in runs} == {7, 8, 9}
    assert len({run.selection for run in runs}) == 45
    assert {len(run.selection.classes) for run in runs} == {2}


def test_only_the_objective_that_has_them_depends_on_its_constants(tmp_path):
    before = load(tmp_path, PARAMS).default_runs
    after = load(tmp_path, changed("objectives.st_moe.balance", 0.5)).default_runs
    touched = {run.objective for f, run in before.items() if run.settings() != after[f].settings()}
    assert touched == {"st_moe"}


def test_one_more_seed_adds_just_its_runs(tmp_path):
    before = load(tmp_path, PARAMS)
    after = load(tmp_path, changed("studies.paper.seeds", list(range(11))))
    new = set(after.default_runs) - set(before.default_runs)
    assert {Path(folder).name for folder in new} == {"seed10"}
    assert all(after.default_runs[folder] == run for folder, run in before.default_runs.items())


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        ("train.epoch", 3, ["train", "'epoch'", "allowed: epochs"]),
        ("colour", 1, ["(top level)", "colour"]),
        ("train.epochs", "many", ["train.epochs", "many", "a whole number"]),
        ("train.epochs", 0, ["train.epochs", "0", "a whole number from 1 to 100,000"]),
        ("train.epochs", True, ["train.epochs", "True"]),
        ("train.learning_rate", -0.1, ["train.learning_rate", "-0.1", "a number from 1e-09"]),
        ("train.learning_rate", float("nan"), ["learning_rate", "nan"]),
        ("train.learning_rate", float("inf"), ["learning_rate", "inf"]),
        ("dataset", "cifar", ["dataset", "cifar", "kmnist"]),
        ("default", ["papers"], ["default", "papers", "paper"]),
        ("studies.smoke.experts", [1], ["studies.smoke.experts[0]", "1", "number from 2 to 100"]),
        ("studies.smoke.selections.0.images", 2, ["studies.smoke.experts", "3", "2 images"]),
        ("studies.smoke.selections.0.classes", [], ["classes", "[]"]),
        ("studies.smoke.selections.0.classes", [0, 10], ["classes", "10"]),
        ("studies.smoke.seeds", [1, 1], ["studies.smoke.seeds", "[1, 1]"]),
        ("studies.smoke.seeds", [-1], ["studies.smoke.seeds[0]", "-1"]),
        ("studies.smoke.objectives", ["mow"], ["objectives[0]", "mow", "moa_plus"]),
        ("studies.smoke.train", {"epochs": 0}, ["studies.smoke.train.epochs", "0"]),
        ("studies", {}, ["studies", "{}"]),
        ("studies.Smoke", PARAMS["studies"]["smoke"], ["studies", "'Smoke'", "small letters"]),
        ("studies.smoke.seeds", {"first": 1}, ["studies.smoke.seeds", "a list", "first, count"]),
        ("studies.smoke.seeds", 3, ["seeds", "3", "a list of at least 1, no two the same, each a"]),
        ("model.channels", [8], ["model.channels", "[8]", "a list of 2, each a whole number"]),
        ("model", {}, ["model", "without architecture, channels, latent"]),
        ("objectives", {"mow": {}}, ["objectives", "'mow'", "one of hinton, iic, moa"]),
        (
            "studies.smoke.vary",
            {"architecture": ["vit", "cae"]},
            ["architecture[0]", "vit", "unet"],
        ),
        (
            "studies.smoke.vary",
            {"latent": [8]},
            ["studies.smoke.vary.latent", "[8]", "at least 2"],
        ),
        ("studies.smoke.vary", {"colour": [1, 2]}, ["studies.smoke.vary", "colour", "latent"]),
        ("studies.smoke.references", ["dbscan"], ["references[0]", "dbscan", "kmeans"]),
        ("studies.smoke.keep", "nothing", ["studies.smoke.keep", "nothing", "scores"]),
        ("train.schedule", "cosine", ["train.schedule", "cosine", "one_cycle"]),
        ("default", ["smoke_scores"], ["default", "smoke_scores", "keep models"]),
        ("multiverse.decisions.colour", [1, 2], ["multiverse.decisions", "colour", "images"]),
        ("multiverse.decisions.latent", [8], ["multiverse.decisions.latent", "[8]", "at least 2"]),
        ("multiverse.decisions.latent", [8, 0], ["decisions.latent[1]", "0", "from 1 to 4,096"]),
        ("multiverse.decisions.images.0.classes", "pairs", ["images[0].classes", "pairs"]),
        ("multiverse.protocols", 9217, ["multiverse.protocols", "9217", "at most the 9216"]),
        ("objectives.st_moe.z", -1, ["objectives.st_moe.z", "-1", "from 0 to 1,000"]),
        ("objectives.hinton.sigma", float("nan"), ["objectives.hinton.sigma", "nan"]),
        ("objectives.moe", {"sigma": 1}, ["objectives.moe", "sigma", "allowed: nothing"]),
        ("objectives.hinton", {}, ["objectives.hinton", "nothing", "allowed: sigma"]),
        ("objectives.st_moe", {"z": 1}, ["objectives.st_moe", "allowed: balance, z"]),
        ("studies.smoke.model", {"latent": 0}, ["studies.smoke.model.latent", "0"]),
        ("studies.smoke.dataset", "cifar", ["studies.smoke.dataset", "cifar", "kmnist"]),
    ],
)
def test_wrong_values_are_refused_by_key_value_and_what_is_allowed(tmp_path, keys, value, words):
    with pytest.raises(UserError) as error:
        load(tmp_path, changed(keys, value))
    message = str(error.value)
    assert "\n" not in message
    for word in ["params.yaml", *words]:
        assert word in message


@pytest.mark.parametrize("text", ["", "- a", "a: [", "a: !!python/object:os.system {}", "\0"])
def test_files_that_are_no_parameters_are_refused(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"params\.yaml"):
        studies.load(path)


def test_missing_params_and_unknown_runs_are_named(tmp_path):
    with pytest.raises(UserError, match=r"params\.yaml: cannot be read"):
        studies.load(tmp_path / "params.yaml")
    with pytest.raises(UserError, match="moaplus runs"):
        load(tmp_path, PARAMS).run("models/nothing")


def test_an_unknown_record_is_named_in_one_line_and_not_beside_all_others(tmp_path):
    with pytest.raises(UserError, match=r"records/none\.json: no study or protocol") as error:
        load(tmp_path, PARAMS).recorded_run("results/records/none.json")
    assert len(str(error.value)) < 250
