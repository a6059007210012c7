"""The audit's measurements against computations of another kind, and what the page says of them."""

import numpy as np
import pandas as pd
import pytest
import torch

from moaplus.audit import draws
from moaplus.audit.probes import counterexamples, gradients, mini_batches, random_batches
from moaplus.audit.section import read_probe
from moaplus.plan.results import GRADIENT_TIMES
from moaplus.plan.studies import Plan, Study, load
from moaplus.runs.evaluation import evaluate
from moaplus.runs.training import train
from moaplus.storage.arrays import load_arrays
from moaplus.storage.files import UserError


@pytest.mark.parametrize("kind", draws.KINDS_OF_P)
def test_random_concentrations_are_what_their_kind_says(kind):
    P = draws.random_concentrations(np.random.default_rng(0), kind, (200, 64, 4))
    np.testing.assert_allclose(P.sum(axis=-1), 1)
    assert (P >= 0).all()
    largest, first = P.max(axis=-1).mean(), P[..., 0].mean()
    assert {
        "Dirichlet(1)": 0.45 < largest < 0.6,
        "nearly one-hot": largest > 0.9,
        "nearly uniform": largest < 0.35,
        "unbalanced": first > 0.85,
    }[kind]


def test_small_cases_are_all_there_are():
    P, e = counterexamples._small_cases(2, 10, 1)
    matrices = {tuple(p.flatten()) for p in P}
    assert len(matrices) == 9 * 9 - 9  # two equal rows make Γ singular
    assert len(P) == len(e) == 72 * 16
    assert len({(*p.flatten(), *f.flatten()) for p, f in zip(P, e, strict=True)}) == len(P)


def test_counterexamples_break_the_bound_by_hand():
    rows = counterexamples.measure(None)
    for row in rows[rows["violations"] > 0].itertuples():
        P, e = (np.array([r.split() for r in text.split("; ")], float) for text in (row.P, row.e))
        inverse = np.linalg.inv(P.T @ P)
        s = np.sum(P @ inverse * e)
        bound = np.linalg.norm(inverse) * np.linalg.norm(np.diag(P.T @ e))
        assert (row.sign == "negative") == (s < 0)
        assert s == pytest.approx(row.s)
        assert bound == pytest.approx(row.paper_bound)
        assert abs(s) > bound
    two = rows[rows["experts"] == 2].set_index("sign")["violations"]
    assert two["negative"] > 0
    assert two["non-negative"] == 0


def test_bounds_of_one_kind_by_loops(monkeypatch):
    monkeypatch.setattr(random_batches, "DRAWS", 200)
    monkeypatch.setattr(random_batches, "EXPERTS", (3,))
    row = random_batches.measure(None).query(
        "concentrations == 'Dirichlet(1)' and errors == 'heavy tails'"
    )
    rng = np.random.default_rng(3)
    P = draws.random_concentrations(rng, "Dirichlet(1)", (200, draws.IMAGES, 3))
    e = rng.pareto(1.0, P.shape)
    negative, ratios = 0, []
    for p, f in zip(P, e, strict=True):
        inverse = np.linalg.inv(p.T @ p)
        s = np.trace(inverse @ p.T @ f)
        negative += s < 0
        ratios.append(abs(s) / np.linalg.norm(inverse) / np.linalg.norm(np.diag(p.T @ f)))
    assert row["negative"].item() == negative
    assert row["worst_paper_ratio"].item() == pytest.approx(max(ratios))
    assert row["median_paper_ratio"].item() == pytest.approx(np.median(ratios))


def test_the_gradient_probe_would_notice_a_wrong_gradient(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gradients, "EXPERTS", (2,))
    assert gradients.measure(None)["relative_error"].max() < 1e-6
    assert set(pd.read_csv(GRADIENT_TIMES)) == {
        "experts", "logits_scale", "autograd_s", "differences_s",
    }  # fmt: skip
    right = torch.func.grad
    monkeypatch.setattr(torch.func, "grad", lambda function: lambda x: 1.01 * right(function)(x))
    assert gradients.measure(None)["relative_error"].min() > 1e-3


def test_batches_average_to_the_gram_matrix_of_all_images(smoke_run):
    train(smoke_run)
    evaluate(smoke_run)
    study = Study("one", (smoke_run,), ())
    rows = mini_batches.measure(Plan({"one": study}, ("one",), load().params))
    assert list(rows["batch_size"]) == [16, 64, 256]
    assert rows["deviation"].is_monotonic_decreasing
    P = load_arrays(smoke_run.concentrations)["train_concentrations"].astype(float)
    gammas = [P[i].T @ P[i] / len(i) for i in mini_batches._shuffled_batches(400, 16)]
    np.testing.assert_allclose(np.mean(gammas, axis=0), P.T @ P / 400, rtol=1e-9)


def test_missing_probes_are_named(workspace):
    with pytest.raises(UserError, match=r"weights\.csv: cannot be read .* `moaplus probe weights`"):
        read_probe("weights")
