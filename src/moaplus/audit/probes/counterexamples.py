"""Small P and e that break the paper's bound."""

import itertools

import numpy as np
import pandas as pd

from moaplus.audit.draws import TOLERANCE, loss_and_bounds
from moaplus.plan.studies import Plan


def measure(plan: Plan) -> pd.DataFrame:
    """Find the worst of all small (P, e): n = M, binary e, P in tenths or (M = 3) halves.

    A row for each M and sign of s; P and e are written row by row. Γ is singular for n < M, so no
    counterexample has fewer images. For M = 3 concentrations may be 0.
    """
    rows = []
    for M, parts, least in ((2, 10, 1), (3, 2, 0)):
        P, e = _small_cases(M, parts, least)
        s, paper, *_ = (values.round(12) for values in loss_and_bounds(P, e))
        for sign, side in (("negative", s < 0), ("non-negative", s >= 0)):
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(side & (s != 0), np.abs(s) / paper, 0)
            worst = ratio.argmax()
            rows.append(
                {
                    "experts": M,
                    "sign": sign,
                    "cases": side.sum(),
                    "violations": (ratio > TOLERANCE).sum(),
                    "P": _written(P[worst]),
                    "e": _written(e[worst]),
                    "s": s[worst],
                    "paper_bound": paper[worst],
                    "ratio": ratio[worst],
                }
            )
    return pd.DataFrame(rows)


def _small_cases(M: int, parts: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every M×M matrix P of multiples of 1/parts with regular Γ, with every binary e."""
    tuples = itertools.product(range(least, parts + 1), repeat=M)
    rows = [row for row in tuples if sum(row) == parts]
    P = np.array(list(itertools.product(rows, repeat=M))) / parts
    P = P[np.abs(np.linalg.det(P)) > 1e-9]
    e = np.array(list(itertools.product((0.0, 1.0), repeat=M * M))).reshape(-1, M, M)
    return np.repeat(P, len(e), axis=0), np.tile(e, (len(P), 1, 1))


def _written(matrix: np.ndarray) -> str:
    return "; ".join(" ".join(f"{value:g}" for value in row) for row in matrix)
