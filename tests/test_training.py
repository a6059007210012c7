"""Trainings in one process, trainings that diverge, and devices that are not there."""

import dataclasses

import pytest
import torch
from workspace import RUNS, call

from moaplus import cli
from moaplus.mixture import fit
from moaplus.runs import training
from moaplus.runs.evaluation import evaluate
from moaplus.runs.folder import read_header


def made(run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.folder.iterdir()}


def test_what_a_process_trained_before_changes_no_byte(smoke_run):
    runs = [dataclasses.replace(smoke_run, seed=seed) for seed in (0, 1, 2)]
    for run in runs:
        training.train(run)
        evaluate(run)
    before = [made(run) for run in runs]
    for run in runs:
        for path in run.folder.iterdir():
            path.unlink()
    for run in reversed(runs):
        training.train(run)
        evaluate(run)
    assert [made(run) for run in runs] == before
    assert set(before[0]) == {path.name for path in runs[0].files}


@pytest.fixture
def diverging(smoke_run, monkeypatch):
    """The run, whose training loss is not finite."""
    right = training.objective_of
    monkeypatch.setattr(training, "objective_of", lambda run: lambda o: right(run)(o) * torch.nan)
    return smoke_run


def test_a_training_that_diverges_says_so_now_and_later(diverging, monkeypatch, capsys):
    command = ["train", str(diverging.folder)]
    assert cli.main(command) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert f"{diverging.folder}: objective is not finite in epoch 1, step 1" in said
    assert read_header(diverging).failed in said
    assert set(made(diverging)) == {path.name for path in diverging.files}
    monkeypatch.setattr(fit, "step", lambda *_: pytest.fail("trained again"))
    assert cli.main(command) == 1
    assert cli.main([*command, "--allow-failure"]) == 0


def test_a_gpu_that_is_not_there_is_said_in_a_line(workspace):
    said = call(
        workspace,
        "env", "CUDA_VISIBLE_DEVICES=", "moaplus", "train", f"{RUNS}/M2/moa/seed0",
        "--device", "gpu", ok=False,
    )  # fmt: skip
    assert "moaplus: device gpu: torch finds no GPU here; train without" in said
    assert "Traceback" not in said
