"""The bounds on random batches."""

import itertools

import numpy as np
import pandas as pd

from moaplus.audit.draws import (
    EXPERTS,
    IMAGES,
    KINDS_OF_ERRORS,
    KINDS_OF_P,
    TOLERANCE,
    loss_and_bounds,
    random_concentrations,
)
from moaplus.plan.studies import Plan

DRAWS = 5000  # batches of each kind


def measure(plan: Plan) -> pd.DataFrame:
    """Count how often |s| exceeds each bound, over random P and e.

    `trained_violations` are of the determinant bound with ‖diag E‖ in place of ‖E‖_F, whose
    logarithm is trained on two views.
    """
    rows = []
    for M, kind_of_P, kind_of_e in itertools.product(EXPERTS, KINDS_OF_P, KINDS_OF_ERRORS):
        rng = np.random.default_rng(M)
        P = random_concentrations(rng, kind_of_P, (DRAWS, IMAGES, M))
        e = KINDS_OF_ERRORS[kind_of_e](rng, P.shape)
        s, paper, frobenius, determinant = loss_and_bounds(P, e)
        trained = determinant * paper / frobenius
        violated = np.abs(s) > paper * TOLERANCE
        rows.append(
            {
                "experts": M,
                "concentrations": kind_of_P,
                "errors": kind_of_e,
                "draws": DRAWS,
                "negative": (s < 0).sum(),
                "violations_negative": (violated & (s < 0)).sum(),
                "violations_nonnegative": (violated & (s >= 0)).sum(),
                "worst_paper_ratio": (np.abs(s) / paper).max(),
                "median_paper_ratio": np.median(np.abs(s) / paper),
                "frobenius_violations": (np.abs(s) > frobenius * TOLERANCE).sum(),
                "median_frobenius_ratio": np.median(np.abs(s) / frobenius),
                "determinant_violations": (frobenius > determinant * TOLERANCE).sum(),
                "trained_violations": (np.abs(s) > trained * TOLERANCE).sum(),
                "median_determinant_ratio": np.median(frobenius / determinant),
            }
        )
    return pd.DataFrame(rows)
