"""Which trainings failed: the rule of docs/verdicts.md."""

import pandas as pd

from moaplus.report.quantities import LOSSES

GATE_SCORES = ("nmi", "nmi_geometric", "nmi_min", "nmi_max")
CONSTANT = "no better than the mean image"
EXPERT = "an expert in use is no better than the mean image"


def failed(rows: pd.DataFrame, column: str) -> pd.Series:
    """Tell which trainings failed, as far as a verdict on a quantity is concerned.

    Args:
        rows: of runs.csv, of training images; those of diverged trainings are not among them.
        column: of the quantity.
    """
    return constant(rows) | expert(rows) if column in LOSSES else constant(rows)


def constant(rows: pd.DataFrame) -> pd.Series:
    """Tell which trainings are no better than the mean image."""
    return rows["mixture_error"] >= rows["mean_image_error"]


def expert(rows: pd.DataFrame) -> pd.Series:
    """Tell in which trainings an expert in use is no better; false where its error is unknown."""
    return rows["worst_error"].astype(float) >= rows["mean_image_error"]


def all_collapsed(rows: pd.DataFrame, column: str) -> bool:
    """Tell whether a score of the gate's clusters is of trainings that have all collapsed.

    Then one expert has all images but a share of 1/(10 M).
    """
    return column in GATE_SCORES and bool(
        (rows["dominance"] > 1 - 1 / (10 * rows["experts"])).all()
    )
