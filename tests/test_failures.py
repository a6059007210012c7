"""Failed trainings, by hand: the rule of docs/verdicts.md."""

import numpy as np
import pandas as pd
import pytest

from moaplus.report.cells import cell
from moaplus.report.claims import EXCLUDED, SHOWN, PaperFigure, Verdict, single_run
from moaplus.report.failures import constant, expert, failed
from moaplus.report.multiverse.readings import held
from moaplus.runs.scoring import mean_image_error, worst_error

FIGURE = PaperFigure("moa_plus", "nmi", 0.8, 1)


def rows(**columns) -> pd.DataFrame:
    """Rows of sound trainings of two experts, but for what is given."""
    n = len(next(iter(columns.values())))
    same = {"mixture_error": 0.01, "mean_image_error": 0.06, "worst_error": 0.02}
    frame = {name: [value] * n for name, value in same.items()}
    frame |= {"experts": [2] * n, "dominance": [0.5] * n, "method": ["moa"] * n}
    return pd.DataFrame(frame | columns)


def test_the_mean_image_is_the_best_constant():
    rng = np.random.default_rng(0)
    images = {split: rng.random((7, 28, 28), dtype=np.float32) for split in ("train", "test")}
    mean = images["train"].astype(float).mean(axis=0)
    for split, values in images.items():
        assert mean_image_error(images, split) == pytest.approx(np.mean((values - mean) ** 2))
    other = np.mean((images["train"] - mean - 0.01) ** 2)
    assert mean_image_error(images, "train") < other


def test_the_worst_error_is_of_experts_in_use_weighted_by_concentrations():
    P = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.98, 0.0, 0.02]])
    errors = np.array([[0.1, 0.5, 9.0], [0.4, 0.2, 9.0], [0.1, 0.6, 9.0]])
    first = (0.9 * 0.1 + 0.2 * 0.4 + 0.98 * 0.1) / 2.08
    second = (0.1 * 0.5 + 0.8 * 0.2) / 0.9
    assert worst_error(P, errors) == pytest.approx(max(first, second))  # the third is not in use


def test_a_training_fails_by_its_loss_or_by_an_expert_and_the_latter_for_the_loss_alone():
    found = rows(mixture_error=[0.01, 0.06, 0.01, 0.01], worst_error=[0.02, None, 0.07, None])
    assert constant(found).tolist() == [False, True, False, False]
    assert expert(found).tolist() == [False, False, True, False]
    assert failed(found, "nmi").tolist() == [False, True, False, False]
    assert failed(found, "routed_error").tolist() == [False, True, True, False]


def test_what_a_failed_training_shows_does_not_hold():
    names = ["nmi_moa", "nmi_moa_plus", "loss_moa", "loss_moa_plus"]
    found = pd.DataFrame([[0.08, 0.8, 0.018, 0.008]] * 2, columns=names)
    lost = pd.DataFrame([[False] * 4, [True, False, True, False]], columns=names)
    claims = held(found, lost)
    assert claims.loc[0].all()
    assert claims.loc[1].to_dict() == {
        "nmi_moa": False, "nmi_moa_plus": True, "loss_moa": False, "loss_moa_plus": True,
        "nmi": False, "loss": False, "both": False, "all": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("nmi", "count", "verdict"),
    [
        ([0.8, 0.2, 0.2, 0.2, 0.2], 1, Verdict(SHOWN, "20 % of runs")),
        ([0.2, 0.21, 0.2, 0.19, 0.2], 0, Verdict(EXCLUDED)),
        ([0.6, 0.7, 0.95, 0.5, 0.9], 0, Verdict("not in 5 runs")),
        ([0.8, 0.8], 2, Verdict(SHOWN, "100 % of runs")),
        ([0.2, 0.2], 0, Verdict("not in 2 runs")),
    ],
)
def test_a_single_run_could_have_shown_a_figure(nmi, count, verdict):
    single = single_run(FIGURE, "nmi", rows(nmi=nmi))
    assert (single.rounding.count, single.rounding.n) == (count, len(nmi))
    assert single.verdict == verdict


def test_a_failed_training_shows_no_figure():
    single = single_run(FIGURE, "nmi", rows(nmi=[0.8] * 5, mixture_error=[0.07] * 5))
    assert single.rounding.count == 0


def test_scores_of_collapsed_gates_are_no_interval():
    collapsed = rows(nmi=[0.0, 0.001, 0.0], dominance=[0.951, 0.99, 1.0], acc=[0.5] * 3)
    assert str(cell(collapsed, "nmi")) == "3 of 3 collapsed"
    assert str(cell(collapsed, "acc")) == "0.500 (3)"
    assert str(cell(collapsed.assign(dominance=[0.94, 1, 1]), "nmi")) == "0.000 (3)"
