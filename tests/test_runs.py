"""One run by hand: training and evaluation on a few hundred real images."""

import numpy as np
import pytest
import torch
from moaplus.evaluation import evaluate
from moaplus.files import UserError, load_arrays
from moaplus.images import load_images
from moaplus.objectives import moa_plus
from moaplus.report.runs import run_rows

from moaplus import plan, training
from moaplus.cli import main


def test_the_same_run_gives_the_same_bytes_and_labels_are_not_needed(smoke_run):
    labels = smoke_run.selection.labels_path.read_bytes()
    smoke_run.selection.labels_path.unlink()
    training.train(smoke_run)
    first = smoke_run.model.read_bytes(), smoke_run.history.read_bytes()
    training.train(smoke_run)
    assert first == (smoke_run.model.read_bytes(), smoke_run.history.read_bytes())
    smoke_run.selection.labels_path.write_bytes(labels)
    evaluate(smoke_run)
    evaluated = smoke_run.concentrations.read_bytes(), smoke_run.samples.read_bytes()
    evaluate(smoke_run)
    assert evaluated == (smoke_run.concentrations.read_bytes(), smoke_run.samples.read_bytes())


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
    index = [np.flatnonzero(arrays["test_labels"] == c)[0] for c in (0, 1)]
    np.testing.assert_allclose(
        np.mean((mixed - samples["originals"]) ** 2, axis=(1, 2))[[0, 10]],
        arrays["test_mixture_errors"][index],
        rtol=1e-4,
    )


def test_the_first_row_of_the_history_describes_the_first_epoch(smoke_run, monkeypatch):
    monkeypatch.setattr(training.Adam, "step", lambda *_: None)  # weights stay
    training.train(smoke_run)
    row = {k: float(v) for k, v in zip(*_csv(smoke_run.history), strict=True)}
    torch.manual_seed(smoke_run.seed)
    mixture = training.build(smoke_run)
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


def _csv(path):
    return [line.split(",") for line in path.read_text().splitlines()]


def test_an_objective_that_is_not_finite_stops_the_run_and_leaves_no_model(smoke_run, monkeypatch):
    monkeypatch.setitem(training.OBJECTIVES, "moa_plus", lambda o: moa_plus(o) * float("nan"))
    with pytest.raises(UserError, match=r"seed0: objective is not finite in epoch 1, step 1;"):
        training.train(smoke_run)
    assert [path.name for path in smoke_run.folder.iterdir()] == ["failed.json"]
    assert "epoch 1, step 1" in smoke_run.failed()
    assert smoke_run.failed() in plan.load().without_failed().failed.values()
    monkeypatch.setitem(training.OBJECTIVES, "moa_plus", moa_plus)
    training.train(smoke_run)
    assert not smoke_run.failure.exists()
    assert plan.load().without_failed().failed == {}


def test_damaged_models_are_refused_by_name(smoke_run, capsys):
    training.train(smoke_run)
    whole = smoke_run.model.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"\xff" * 64):
        smoke_run.model.write_bytes(content)
        assert main(["evaluate", str(smoke_run.folder)]) == 1
        message = capsys.readouterr().err.splitlines()[-1]
        assert str(smoke_run.model) in message
        assert "run again" in message
        assert smoke_run.model.with_name("model.safetensors.aside").read_bytes() == content
        assert not smoke_run.model.exists()
    assert main(["evaluate", str(smoke_run.folder)]) == 1
    assert "missing" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(smoke_run, capsys):
    plan.MODELS.write_text("in the way")
    assert main(["train", str(smoke_run.folder)]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("moaplus: models/")


def test_missing_images_and_unknown_names_are_named(workspace, capsys):
    assert main(["train", "models/mnist-0+1-n400/cae-epochs=1/M2/moa/seed0"]) == 1
    assert "images.npz: missing" in capsys.readouterr().err
    assert main(["train", "models/unknown"]) == 1
    assert main(["select", "mnist-0+1+2"]) == 1
    assert main(["data", "imagenet"]) == 1
    assert main(["figure", "map"]) == 1
    assert main(["reference", "models/nothing"]) == 1
