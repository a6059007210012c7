"""Runs that one process trains in turn."""

import dataclasses
from collections import Counter

import pytest
from moaplus.runs.batch import train_all
from workspace import RUNS, call

from moaplus.mixture import fit
from moaplus.plan.runs import MODELS
from moaplus.plan.studies import BATCH, load
from moaplus.runs import training


def test_every_run_is_in_one_batch_with_those_of_its_configuration(workspace):
    plan = load()
    batches = plan.batches
    placed = Counter(str(run.folder) for batch in batches.values() for run in batch)
    assert placed == Counter(f for f, run in plan.all_runs.items() if run.home == MODELS)
    for batch in batches.values():
        assert len({run.configuration for run in batch}) == 1
        assert 1 <= len(batch) <= BATCH
        assert len({str(run.folder) in plan.default_runs for run in batch}) == 1


def test_many_seeds_are_several_batches(workspace):
    plan = load()
    run = plan.run(f"{RUNS}/M2/moa/seed0")
    seeds = tuple(dataclasses.replace(run, seed=seed) for seed in range(2 * BATCH + 1))
    study = dataclasses.replace(plan.studies["smoke"], runs=seeds)
    batches = dataclasses.replace(plan, studies={"smoke": study}, default=("smoke",)).batches
    assert [len(batch) for batch in batches.values()] == [BATCH, BATCH, 1]


@pytest.fixture
def runs(smoke_run):
    return [dataclasses.replace(smoke_run, seed=seed) for seed in (0, 1, 2)]


def made(run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.folder.iterdir()}


def test_a_batch_gives_the_bytes_of_runs_by_themselves(runs):
    for run in runs:
        train_all([run], "cpu", 1, 1)
    alone = [made(run) for run in runs]
    for run in runs:
        for path in run.folder.iterdir():
            path.unlink()
    train_all(reversed(runs), "cpu", 1, 1)
    assert [made(run) for run in runs] == alone
    assert set(alone[0]) == {path.name for path in runs[0].files}


def test_one_that_diverges_does_not_stop_the_others(runs, monkeypatch):
    right = training.objective_of

    def objective_of(run):
        objective = right(run)
        return (lambda o: objective(o) * float("nan")) if run.seed == 1 else objective

    monkeypatch.setattr(training, "objective_of", objective_of)
    (said,) = train_all(runs, "cpu", 1, 1)
    assert "seed1: objective is not finite in epoch 1, step 1" in said
    assert runs[1].failure.exists()
    whole = {run.seed: made(run) for run in (runs[0], runs[2])}
    for run in (runs[0], runs[2]):
        for path in run.files:  # as Snakemake does, since the job failed
            path.unlink()
    monkeypatch.setattr(fit, "step", lambda *_: pytest.fail("trained again"))
    train_all([runs[0], runs[2]], "cpu", 1, 1)
    for run in (runs[0], runs[2]):
        again = {name: content for name, content in whole[run.seed].items() if "check" not in name}
        assert made(run) == again


def test_a_gpu_that_is_not_there_is_said_in_a_line(workspace, monkeypatch):
    said = call(
        workspace,
        "env", "CUDA_VISIBLE_DEVICES=", "moaplus", "train", f"{RUNS}/M2/moa/seed0",
        "--device", "gpu", ok=False,
    )  # fmt: skip
    assert "moaplus: device gpu: torch finds no GPU here; train without" in said
    assert "Traceback" not in said
