"""One run by hand: training and evaluation on a few hundred real images."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from workspace import ROOT, RUNS, call

from moaplus.__main__ import main
from moaplus.data.images import load_images, load_labels
from moaplus.mixture import fit, history
from moaplus.plan.runs import MODELS, SCRATCH
from moaplus.plan.studies import load
from moaplus.provenance.records import load_record
from moaplus.runs import training
from moaplus.runs.evaluation import evaluate
from moaplus.runs.folder import read_header
from moaplus.runs.model import DivergedError, build
from moaplus.runs.scoring import run_rows, score
from moaplus.storage.arrays import load_arrays
from moaplus.storage.files import UserError
from moaplus.storage.tensors import load_tensors, save_tensors


def test_the_same_run_gives_the_same_bytes_and_labels_are_not_needed(smoke_run):
    smoke_run.selection.labels_path.unlink()
    made = []
    for _ in range(2):
        training.train(smoke_run)
        evaluate(smoke_run)
        made.append([path.read_bytes() for path in smoke_run.files])
        for path in smoke_run.files:
            path.unlink()
    assert made[0] == made[1]


def test_a_model_that_is_there_and_right_is_left_alone(smoke_run, capsys, monkeypatch):
    training.train(smoke_run)
    model, history = smoke_run.model.read_bytes(), smoke_run.history.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
        training.train(smoke_run)
    assert "already trained" in capsys.readouterr().err
    for path, damaged in ((smoke_run.history, history[:-9]), (smoke_run.model, model[:-9])):
        path.write_bytes(damaged)
        training.train(smoke_run)
        assert (smoke_run.model.read_bytes(), smoke_run.history.read_bytes()) == (model, history)


def test_every_score_can_be_recomputed_from_what_is_kept(smoke_run):
    training.train(smoke_run)
    evaluate(smoke_run)
    arrays = load_arrays(smoke_run.concentrations)
    P, e = arrays["test_concentrations"], arrays["test_errors"]
    assert P.shape == e.shape == (2115, 2)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    train, test = run_rows(smoke_run)
    assert (train["n"], test["n"]) == (400, 2115)
    routed = np.mean([e[i, np.argmax(P[i])] for i in range(len(P))])
    assert test["routed_error"] == pytest.approx(routed, rel=1e-5)
    samples = load_arrays(smoke_run.samples)
    mixed = np.einsum("nm,mnhw->nhw", samples["concentrations"], samples["reconstructions"])
    np.testing.assert_allclose(
        np.mean((mixed - samples["originals"]) ** 2, axis=(1, 2)),
        arrays["test_mixture_errors"][samples["shown"]],
        rtol=1e-4,
    )
    labels = load_labels(smoke_run.selection)["test"][samples["shown"]]
    assert sorted(labels) == [0] * 10 + [1] * 10


def test_the_first_row_of_the_history_describes_the_first_epoch(smoke_run, monkeypatch):
    monkeypatch.setattr(fit.Optimizer, "step", lambda *_: None)  # weights stay
    training.train(smoke_run)
    row = {k: float(v) for k, v in zip(*_csv(smoke_run.history), strict=True)}
    torch.manual_seed(smoke_run.seed)
    mixture = build(smoke_run)
    images = torch.from_numpy(load_images(smoke_run.selection)["train"])
    with torch.no_grad():
        reconstructions, logits = mixture(images)
    P = logits.softmax(dim=1).double().numpy()
    mixed = np.einsum("nm,mnhw->nhw", P, reconstructions.numpy())
    expected = np.mean((mixed - images.numpy()) ** 2)
    assert row["mixture_error"] == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose([row["load_0"], row["load_1"]], P.mean(axis=0), rtol=1e-5)
    eigenvalues = np.linalg.eigvalsh(P.T @ P / len(P))
    assert row["eigenvalue_1"] == pytest.approx(eigenvalues[1], rel=1e-5)
    assert row["guarded"] == row["steps"] == 7  # a fresh gate is nearly uniform
    assert row["condition"] > 1e3
    assert row["frobenius_violations"] == 0


def test_the_history_does_not_depend_on_how_many_batches_are_reduced_together(
    smoke_run, monkeypatch
):
    rows = []
    for folded in (1, 150, 1000):  # images; a batch has 64 of 400
        monkeypatch.setattr(history, "FOLDED", folded)
        training.train(smoke_run)
        rows.append([float(value) for value in _csv(smoke_run.history)[1]])
        smoke_run.model.unlink()
    np.testing.assert_allclose(rows[1:], [rows[0]] * 2, rtol=1e-7)


def _csv(path):
    return [line.split(",") for line in path.read_text().splitlines()]


def test_a_training_that_diverges_says_so_and_is_not_tried_again(smoke_run, monkeypatch, capsys):
    right = training.objective_of(smoke_run)
    words = "seed0: objective is not finite in epoch 1, step 1;"
    with monkeypatch.context() as patch:
        patch.setattr(training, "objective_of", lambda _: lambda o: right(o) * float("nan"))
        with pytest.raises(DivergedError, match=words):
            training.train(smoke_run)
    assert {path.name for path in smoke_run.folder.iterdir()} == {p.name for p in smoke_run.files}
    assert words in read_header(smoke_run).failed
    with monkeypatch.context() as patch:
        patch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained again"))
        for function in (training.train, evaluate):
            with pytest.raises(UserError, match=words):
                function(smoke_run)
        assert main(["train", str(smoke_run.folder)]) == 1
        assert main(["train", str(smoke_run.folder), "--allow-failure"]) == 0
    assert capsys.readouterr().err.count(words) == 2
    score(smoke_run)
    entry = load_record(smoke_run)
    assert words in entry["failed"]
    assert "rows" not in entry
    smoke_run.model.unlink()
    training.train(smoke_run)
    assert read_header(smoke_run).failed is None


def test_an_evaluation_that_is_not_finite_says_so(smoke_run):
    training.train(smoke_run)
    tensors, origin = load_tensors(smoke_run.model)
    name = next(iter(tensors))
    save_tensors(smoke_run.model, tensors | {name: tensors[name] * np.nan}, origin)
    with pytest.raises(DivergedError, match="are not finite"):
        evaluate(smoke_run)
    assert "are not finite" in read_header(smoke_run).failed


def test_a_run_that_keeps_scores_leaves_its_record_alone(smoke_run):
    scores = dataclasses.replace(smoke_run, keep=False)
    for run in (smoke_run, scores):
        training.train(run)
        evaluate(run)
        score(run)
    assert not SCRATCH.exists()
    kept, alone = load_record(smoke_run), load_record(scores)
    assert kept["settings"] == alone["settings"]
    for ours, theirs in zip(kept["rows"], alone["rows"], strict=True):
        assert ours | {"folder": theirs["folder"]} == theirs
    assert set(alone["curves"]) == {
        "objective", "mixture_error", "routed_error", "load_0", "load_1",
    }  # fmt: skip
    assert set(alone["curves"]) < set(kept["curves"])


def test_records_that_hold_several_objectives_are_read_as_they_are(monkeypatch):
    monkeypatch.chdir(ROOT)
    runs = [run for run in load().studies["views_ingredients"].runs if run.seed == 10]
    shared = [run for run in runs if run.shared_record.exists()]
    assert len({run.shared_record for run in shared}) < len(shared)
    for run in shared:
        entry = load_record(run)
        assert entry["settings"]["objective"] == run.objective
        assert not run.record.exists()


def test_damaged_models_are_refused_by_name(smoke_run):
    training.train(smoke_run)
    whole = smoke_run.model.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\xff" * 64):
        smoke_run.model.write_bytes(content)
        with pytest.raises(
            UserError, match=f"{re.escape(str(smoke_run.model))}: damaged .*: run again"
        ):
            evaluate(smoke_run)
        assert smoke_run.model.with_name("model.safetensors.aside").read_bytes() == content
        assert not smoke_run.model.exists()
    with pytest.raises(UserError, match="missing"):
        evaluate(smoke_run)


def test_a_folder_that_cannot_be_written_is_named(smoke_run, capsys):
    MODELS.write_text("in the way")
    assert main(["train", str(smoke_run.folder)]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("moaplus: models/")


def test_missing_images_and_unknown_names_are_named(workspace, capsys):
    assert main(["train", f"{RUNS}/M2/moa/seed0"]) == 1
    assert "images.npz: missing" in capsys.readouterr().err
    assert main(["train", "models/unknown"]) == 1
    assert main(["select", "mnist-0+1+2"]) == 1
    assert main(["fetch", "imagenet"]) == 1
    assert main(["figure", "map"]) == 1
    assert main(["reference", "models/nothing"]) == 1


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


def test_a_gpu_that_is_not_there_is_said_in_a_line(workspace):
    said = call(
        workspace,
        "env", "CUDA_VISIBLE_DEVICES=", "moaplus", "train", f"{RUNS}/M2/moa/seed0",
        "--device", "gpu", ok=False,
    )  # fmt: skip
    assert "moaplus: device gpu: torch finds no GPU here; train without" in said
    assert "Traceback" not in said
