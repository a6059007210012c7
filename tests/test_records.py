"""Studies of which scores are kept and no models."""

import json
import shutil

import pandas as pd
import pytest
import torch
from moaplus.provenance.recorded import load_record
from moaplus.report.recording import record_all, record_rows
from moaplus.runs.batch import train_all
from workspace import ROOT, call, change_params, planned_jobs

from moaplus.plan.runs import MODELS
from moaplus.plan.studies import BATCH, load
from moaplus.runs import training

PLACE = "results/studies/smoke_scores"
FILES = [f"{PLACE}/table.md", f"{PLACE}/environment.json"]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory, finished):
    """A workspace in which a study with models and one with scores alone have run."""
    folder = tmp_path_factory.mktemp("recorded") / "workspace"
    shutil.copytree(finished, folder, symlinks=True)
    call(folder, "snakemake", "--cores", "2", "--quiet", "all", "--", *FILES)
    return folder


@pytest.fixture
def copy(recorded, tmp_path, monkeypatch):
    folder = shutil.copytree(recorded, tmp_path / "workspace", symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def test_every_run_without_a_model_is_in_one_record_and_every_record_in_one_batch():
    plan = load(ROOT / "params.yaml")
    runs = [run for run in plan.all_runs.values() if run.home != MODELS]
    assert len(runs) > 2 * 96
    records = [record for batch in plan.record_batches.values() for record in batch]
    assert sorted(r.path for r in records) == sorted(r.path for r in plan.records.values())
    assert sorted(run.folder for r in records for run in r.runs) == sorted(r.folder for r in runs)
    assert all(sum(len(r.runs) for r in b) <= BATCH for b in plan.record_batches.values())


def test_records_of_a_batch_are_wanted_by_the_same_studies():
    plan = load(ROOT / "params.yaml")
    studies = [{run.folder for run in study.runs} for study in plan.studies.values()]
    for batch in plan.record_batches.values():
        first, *others = (
            [folders >= {run.folder for run in record.runs} for folders in studies]
            for record in batch
        )
        assert all(other == first for other in others)


def test_a_record_has_the_scores_of_the_same_run_with_a_model(recorded):
    call(recorded, "moaplus", "score", "results")
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
    (copy / "results/records/mnist-0+1-n400/cae-epochs=1/M2/seed1.json").unlink()
    planned = planned_jobs(copy, *FILES)
    assert planned["record"] == 1
    assert planned["train"] == 0
    kept = copy / "results/records/mnist-0+1-n400/cae-epochs=1/M2/seed0.json"
    before = kept.read_bytes()
    call(copy, "snakemake", "--cores", "2", "--quiet", "all", "--", *FILES)
    assert kept.read_bytes() == before
    assert planned_jobs(copy, *FILES) == {}
    (copy / "data/selected/mnist-0+1-n400/images.npz").touch()
    assert planned_jobs(copy, *FILES) == {}


def test_a_study_of_fewer_objectives_has_its_own_rows_of_a_shared_record(copy):
    def share(params: dict) -> None:
        params["studies"]["one"] = params["studies"]["smoke_scores"] | {"objectives": ["moa_plus"]}

    change_params(copy, share)
    place = "results/studies/one"
    assert planned_jobs(copy, f"{place}/runs.csv")["record"] == 0
    call(copy, "snakemake", "--cores", "2", "--quiet", "all", "--", f"{place}/runs.csv")
    whole, ours = (pd.read_csv(copy / p / "runs.csv") for p in (PLACE, place))
    trained = whole[whole["method"] == "moa_plus"].reset_index(drop=True)
    shared = ours[ours["method"] == "moa_plus"].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, trained)
    assert len(shared) == 4
    assert "moa" not in set(ours["method"])


def test_a_record_of_other_settings_is_made_anew_and_a_damaged_one_put_aside(copy):
    change_params(copy, lambda params: params["train"].update(ridge=0.001))
    assert planned_jobs(copy, *FILES)["record"] == 1
    change_params(copy, lambda params: params["train"].update(ridge=0.0001))
    assert planned_jobs(copy, *FILES) == {}
    record = copy / "results/records/mnist-0+1-n400/cae-epochs=1/M2/seed0.json"
    content = json.loads(record.read_text(encoding="utf-8"))
    content["runs"][0]["rows"][0]["nmi"] = 1.0
    record.write_text(json.dumps(content), encoding="utf-8")
    assert "seed0.json: damaged" in call(copy, "snakemake", "-n", *FILES)
    name = record.relative_to(copy).as_posix()
    assert planned_jobs(copy, name)["record"] == 1


def test_a_training_that_diverges_leaves_a_record_that_says_so(smoke_run, monkeypatch):
    record = next(r for r in load().records.values() if r.runs[0].selection == smoke_run.selection)
    right = training.objective_of

    def objective_of(run):
        objective = right(run)
        return (lambda o: objective(o) * torch.nan) if run.objective == "moa_plus" else objective

    monkeypatch.setattr(training, "objective_of", objective_of)
    record_all([record], lambda runs: train_all(runs, "cpu", 1, 1))
    assert {row["method"] for row in record_rows(record)} == {"moa"}
    (failed,) = [entry for entry in load_record(record) if "failed" in entry]
    assert failed["settings"]["objective"] == "moa_plus"
    assert "not finite in epoch 1, step 1" in failed["failed"]
