"""params.yaml -> studies, runs, paths; and what is said of a wrong params.yaml."""

import copy
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workspace import ROOT, read_yaml, write_yaml

from moaplus.plan import studies
from moaplus.plan.params import SCHEMA, schema
from moaplus.plan.settings import Network, Training
from moaplus.plan.studies import Plan
from moaplus.storage.files import UserError

PARAMS = read_yaml(ROOT / "params.yaml")


def load(tmp_path: Path, params: object) -> Plan:
    path = tmp_path / "params.yaml"
    write_yaml(path, params)
    return studies.load(path)


def changed(keys: str, value: object) -> dict:
    """Return the project's parameters with the value at a dotted key replaced."""
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
        ("default", ["ten_experts"], ["default", "ten_experts", "moa_plus with 2 experts"]),
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


def test_long_keys_and_values_are_cut_and_what_is_allowed_is_not(tmp_path):
    for keys, value in (("x" * 2000, 1), ("train.epochs", "y" * 2000)):
        with pytest.raises(UserError, match=r"…: no such key|… is not allowed") as error:
            load(tmp_path, changed(keys, value))
        assert "allowed: " in str(error.value)
        assert len(str(error.value)) - len(str(tmp_path)) < 500


def numbers() -> dict[str, dict]:
    """Return every setting that is a number, by its dotted key: its part of the JSON schema."""
    return {
        f"{part}.{key}": rule
        for part, block in (("model", Network), ("train", Training))
        for key, rule in block.model_json_schema()["properties"].items()
        if "maximum" in rule
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(sorted(numbers())), share=st.floats(0, 1), data=st.data())
def test_a_number_is_accepted_within_its_bounds_and_refused_outside_of_them(
    tmp_path, key, share, data
):
    rule = numbers()[key]
    low, high = rule["minimum"], rule["maximum"]
    kind = int if rule["type"] == "integer" else float
    inside = kind(low + share * (high - low))
    part, name = key.split(".")
    run = next(iter(load(tmp_path, only_smoke(key, inside)).default_runs.values()))
    trained = {"model": run.network, "train": run.training}[part]
    assert getattr(trained, name) == (1 if key == "train.epochs" else inside)
    outside = data.draw(st.sampled_from([low - 1, high + 1, -high, 10**20, True, None, "1", [1]]))
    with pytest.raises(UserError) as error:
        load(tmp_path, only_smoke(key, outside))
    words = "a whole number" if kind is int else "a number"
    assert f": {key}: {outside!r} is not allowed; allowed: {words} from " in str(error.value)
    assert str(error.value).endswith(f"{low:,g} to {high:,g}")


def only_smoke(keys: str, value: object) -> dict:
    """Return the project's parameters with a value replaced, and little else to check."""
    params = changed(keys, value) | {"default": ["smoke"]}
    del params["multiverse"]
    return params | {"studies": {"smoke": PARAMS["studies"]["smoke"]}}


def test_the_schema_for_editors_is_that_of_the_models():
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == schema(), (
        "python -m moaplus.plan.params > workflow/schemas/params.schema.json"
    )
    first = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert ROOT / named == SCHEMA


@pytest.mark.parametrize(
    "override",
    ["train.epochs=7", "settings.two_views.train.ridge=0.5", "studies.paper.seeds.count=3"],
)
def test_dvc_changes_a_single_line_of_the_file(tmp_path, override):
    before = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "params.yaml"
    path.write_text("\n".join(before) + "\n", encoding="utf-8")
    apply_overrides(path, [override])
    after = path.read_text(encoding="utf-8").splitlines()
    assert len(after) == len(before)
    assert sum(old != new for old, new in zip(before, after, strict=True)) == 1


def test_settings_with_a_name_are_those_of_every_study_that_names_them(tmp_path):
    named = {"small": {"model": {"latent": 8}, "train": {"epochs": 2, "ridge": 0.5}}}
    smoke = PARAMS["studies"]["smoke"] | {"settings": "small", "train": {"epochs": 3}}
    smoke["also"] = [{"objectives": ["moe"], "settings": "small", "model": {"latent": 4}}]
    params = changed("studies.smoke", smoke) | {"settings": PARAMS["settings"] | named}
    ways = {(run.objective, run.changes) for run in load(tmp_path, params).studies["smoke"].runs}
    assert ways == {
        ("moa", ("latent=8", "epochs=3", "ridge=0.5")),
        ("moa_plus", ("latent=8", "epochs=3", "ridge=0.5")),
        ("moe", ("latent=4", "epochs=2", "ridge=0.5")),
    }
    smoke["also"][0]["settings"] = "smal"
    with pytest.raises(UserError, match=r"studies\.smoke\.also\[0\]\.settings: smal: no such"):
        load(tmp_path, params)


RATES, PAIRS = PARAMS["studies"]["rates"], PARAMS["studies"]["pairs"]
WEAK = {"weight_decay": [0, 0.1], "learning_rate": [0.1, 0.2]}


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        ("studies.codes.objectives", ["moa"], "objectives without moa_plus"),
        ("studies.codes.experts", [2, 3], "its runs differ in experts"),
        ("studies.codes.vary", WEAK, "its runs differ in learning_rate"),
        ("studies.codes.selections", RATES["selections"], "its runs differ in classes"),
        ("studies.rates.vary", {"latent": [2, 8]}, "its runs differ in latent"),
        ("studies.rates.vary", WEAK, "its runs differ in weight_decay"),
        ("studies.rates.objectives", ["moa_plus", "moe"], "objectives without moa;"),
        ("studies.rates.experts", [3], "experts other than 2"),
        ("studies.rates.seeds", [0, 1], "seeds on one side of 100"),
        ("studies.view_rates.vary", {"latent": [2, 8]}, "its runs differ in latent"),
        ("studies.view_rates.vary", {"weight_decay": [0, 1]}, "its runs have one learning_rate"),
        ("studies.view_rates.objectives", ["moa", "iic"], "its runs differ in objective"),
        ("studies.pairs.references", ["pca_gmm"], "references without kmeans"),
        ("studies.pairs.selections.0.classes", "all", "classes that are not 2"),
        ("studies.pairs.experts", [2, 3], "its runs differ in experts"),
        ("studies.pairs.also.0.objectives", ["moa_plus"], "its runs differ in gate"),
        (
            "studies.pairs.selections",
            [*PAIRS["selections"], {"classes": [0, 1], "images": 50}],
            "its runs differ in images",
        ),
        ("studies.paper.objectives", ["moa_plus"], "objectives without moa;"),
        ("studies.paper.experts", [2, 3], "its runs differ in experts"),
        ("studies.paper.experts", [3], "experts other than 2"),
        ("studies.paper.vary", {"epochs": [1, 2]}, "its runs differ in epochs"),
        ("studies.long.selections", [{"classes": [0, 1], "images": "all"}], "mnist-all-n12665"),
        ("studies.seeds.objectives", ["moa"], "objectives without moa_plus"),
    ],
)
def test_a_study_that_its_page_cannot_show_is_refused(tmp_path, keys, value, words):
    with pytest.raises(UserError) as error:
        load(tmp_path, changed(keys, value))
    message = str(error.value)
    assert f"params.yaml: studies.{keys.split('.')[1]}: " in message
    assert words in message
    assert message.endswith(", as its page needs")
    assert "allowed: " in message and "\n" not in message


@pytest.mark.parametrize("decision", ["images", "epochs", "latent"])
def test_a_multiverse_without_a_decision_of_its_page_is_refused(tmp_path, decision):
    params = copy.deepcopy(PARAMS)
    del params["multiverse"]["decisions"][decision]
    with pytest.raises(UserError, match=rf"multiverse\.decisions: without {decision}; needed:"):
        load(tmp_path, params)


def test_a_multiverse_of_gates_that_do_not_see_its_views_is_refused(tmp_path):
    params = changed("multiverse.decisions.views", [["affine"], []])
    with pytest.raises(UserError, match=r"views: affine is not allowed; .* gate small: nothing"):
        load(tmp_path, params)


def test_records_lie_with_the_model_or_where_git_has_them(tmp_path):
    plan = load(tmp_path, PARAMS)
    for folder, record, shared in (
        (
            "models/mnist-0+1-n400/cae-epochs=1/M2/moa/seed1",
            "models/mnist-0+1-n400/cae-epochs=1/M2/moa/seed1/record.json",
            "results/records/mnist-0+1-n400/cae-epochs=1/M2/seed1.json",
        ),
        (
            "scratch/mnist-0+1/cae-epochs=200/M2/moa/seed1",
            "results/records/mnist-0+1/cae-epochs=200/M2/moa/seed1.json",
            "results/records/mnist-0+1/cae-epochs=200/M2/seed1.json",
        ),
    ):
        run = plan.run(folder)
        assert (run.record.as_posix(), run.shared_record.as_posix()) == (record, shared)
        assert plan.recorded_run(record) == run
    assert len({run.record for run in plan.all_runs.values()}) == len(plan.all_runs)


def test_planning_imports_none_of_the_slow_packages():
    code = (
        "import sys; from moaplus.plan.studies import load; load();"
        "print({'torch', 'numpy', 'pandas', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout == "set()\n"


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
