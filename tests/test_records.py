"""Studies of which scores are kept and no models."""

import contextlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from workspace import (
    ROOT,
    call,
    change_params,
    make_records,
    make_workspace,
    planned_jobs,
)

from moaplus.__main__ import main
from moaplus.plan.results import STUDIES
from moaplus.plan.studies import load
from moaplus.provenance.records import load_record
from moaplus.runs import training

PLACE = "results/studies/smoke_scores"
M2 = "results/records/mnist-0+1-n400/cae-epochs=1/M2"
SMOKE = ("snakemake", "--cores", "2", "--quiet", "all", "--", "smoke_scores")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, finished) -> Path:
    """A workspace in which a study with models and one with scores alone have run."""
    folder = tmp_path_factory.mktemp("recorded") / "workspace"
    shutil.copytree(finished, folder, symlinks=True)
    with contextlib.chdir(folder):
        make_records(load().studies["smoke_scores"].runs)
    call(folder, *SMOKE)
    return folder


@pytest.fixture
def copy(recorded, tmp_path, monkeypatch) -> Path:
    folder = shutil.copytree(recorded, tmp_path / "workspace", symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def test_a_fresh_clone_with_its_records_trains_nothing(tmp_path, mnist):
    folder = make_workspace(tmp_path / "workspace", mnist)
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(ROOT / "results/records", folder / "results/records", dirs_exist_ok=True)
    plan = load(ROOT / "params.yaml")
    kept = [
        name
        for name, study in plan.studies.items()
        if (ROOT / STUDIES / name).exists() and not any(run.keep for run in study.runs)
    ]
    assert len(kept) > 3
    jobs = planned_jobs(folder, *(f"{STUDIES}/{name}/runs.csv" for name in kept))
    assert jobs["runs_table"] == len(kept)
    assert jobs["train"] == jobs["score"] == 0


def test_a_record_has_the_scores_of_the_same_run_with_a_model(recorded):
    with_models = (recorded / "results/runs.csv").read_text(encoding="utf-8").splitlines()
    without = (recorded / PLACE / "runs.csv").read_text(encoding="utf-8").splitlines()
    assert with_models[0] == without[0]
    rows = {line.replace("scratch/", "models/") for line in without[1:] if "scratch/" in line}
    assert len(rows) == 8
    assert rows <= set(with_models)


def test_nothing_but_the_record_is_left_and_it_goes_on_from_what_was_committed(copy):
    assert not list(copy.glob("scratch/**/*.safetensors"))
    for folder in (".snakemake", "models", "data/selected", PLACE):
        shutil.rmtree(copy / folder)
    (copy / f"{M2}/moa_plus/seed1.json").unlink()
    planned = planned_jobs(copy, "smoke_scores")
    assert (planned["train"], planned["score"]) == (1, 1)
    records = list((copy / M2).glob("*/*.json"))
    before = {path: path.read_bytes() for path in records}
    assert len(before) == 3
    call(copy, *SMOKE)
    assert {path: path.read_bytes() for path in records} == before
    assert (copy / f"{M2}/moa_plus/seed1.json").exists()
    assert planned_jobs(copy, "smoke_scores") == {}
    (copy / "data/selected/mnist-0+1-n400/images.npz").touch()
    assert planned_jobs(copy, "smoke_scores")["train"] == 0


def test_a_study_of_fewer_objectives_has_its_own_rows_of_the_same_records(copy):
    def share(params: dict) -> None:
        params["studies"]["one"] = params["studies"]["smoke_scores"] | {"objectives": ["moa_plus"]}

    change_params(copy, share)
    place = "results/studies/one"
    planned = planned_jobs(copy, f"{place}/runs.csv")
    assert planned["train"] == planned["score"] == 0
    call(copy, "snakemake", "--cores", "2", "--quiet", "all", "--", f"{place}/runs.csv")
    whole, ours = (pd.read_csv(copy / p / "runs.csv") for p in (PLACE, place))
    trained = whole[whole["method"] == "moa_plus"].reset_index(drop=True)
    shared = ours[ours["method"] == "moa_plus"].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, trained)
    assert len(shared) == 4
    assert "moa" not in set(ours["method"])


def test_a_record_of_other_settings_is_made_anew_and_a_damaged_one_too(copy):
    change_params(copy, lambda params: params["train"].update(ridge=0.001))
    assert planned_jobs(copy, "smoke_scores")["score"] == 4
    change_params(copy, lambda params: params["train"].update(ridge=0.0001))
    assert planned_jobs(copy, "smoke_scores") == {}
    record = copy / f"{M2}/moa/seed0.json"
    content = json.loads(record.read_text(encoding="utf-8"))
    content["runs"][0]["rows"][0]["nmi"] = 1.0
    record.write_text(json.dumps(content), encoding="utf-8")
    name = record.relative_to(copy).as_posix()
    assert f"{name}: damaged" in call(copy, "snakemake", "-n", "smoke_scores")
    assert planned_jobs(copy, name) == {"train": 1, "score": 1}


def test_a_training_that_diverges_leaves_a_record_that_says_so(smoke_run, monkeypatch):
    right = training.objective_of
    monkeypatch.setattr(training, "objective_of", lambda run: lambda o: right(run)(o) * torch.nan)
    (run, *_) = (run for run in load().all_runs.values() if not run.keep)
    assert main(["train", str(run.folder)]) == 0
    assert main(["score", str(run.record)]) == 0
    entry = load_record(run)
    assert entry["settings"]["objective"] == run.objective
    assert "not finite in epoch 1, step 1" in entry["failed"]
    assert "rows" not in entry
    assert not run.folder.exists()
