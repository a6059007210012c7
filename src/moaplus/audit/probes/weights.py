"""Minimax weights: the deviation of AᵀP from I."""

import itertools

import numpy as np
import pandas as pd

from moaplus.audit.draws import EXPERTS, KINDS_OF_P, random_concentrations
from moaplus.plan.studies import Plan
from moaplus.theory.concentrations import minimax_weights


def measure(plan: Plan) -> pd.DataFrame:
    """Compute the deviation of AᵀP from I, by our QR factorisation and by an inverse of Γ."""
    rows = []
    for M, kind, dtype in itertools.product(EXPERTS, KINDS_OF_P, ("float64", "float32")):
        P = random_concentrations(np.random.default_rng(M), kind, (1000, M)).astype(dtype)
        inverse = P @ np.linalg.inv(P.T @ P)
        rows.append(
            {
                "experts": M,
                "concentrations": kind,
                "dtype": dtype,
                "condition": np.linalg.cond(P.astype(float).T @ P.astype(float)),
                "qr": _deviation(minimax_weights(P), P),
                "explicit_inverse": _deviation(inverse, P),
            }
        )
    return pd.DataFrame(rows)


def _deviation(A: np.ndarray, P: np.ndarray) -> float:
    """Return the largest entry of |AᵀP − I|."""
    return float(np.abs(A.T @ P - np.eye(P.shape[1])).max())
