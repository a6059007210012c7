"""Γ and the paper's bound of mini-batches against those of all images, after training."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from moaplus.plan.studies import Plan
from moaplus.runs.folder import load_concentrations, read_header
from moaplus.theory.bounds import paper_bound
from moaplus.theory.concentrations import gram

BATCH_SIZES = (16, 64, 256, 1024)


def measure(plan: Plan) -> pd.DataFrame:
    """Γ and the paper's bound of mini-batches against those of all images, after training."""
    rows = []
    for run in plan.probed_runs:
        if read_header(run).failed:
            continue
        arrays = load_concentrations(run)
        P, e = (arrays[f"train_{name}"].astype(float) for name in ("concentrations", "errors"))
        gamma, E = gram(P), P.T @ e / len(P)
        for size in (size for size in BATCH_SIZES if size <= len(P)):
            sampled = list(_shuffled_batches(len(P), size))
            gammas = np.stack([gram(P[batch]) for batch in sampled])
            errors = np.stack([P[batch].T @ e[batch] / size for batch in sampled])
            deviations = np.linalg.norm(gammas - gamma, axis=(1, 2)) / np.linalg.norm(gamma)
            with np.errstate(divide="ignore"):  # a singular Γ: its bound is infinite
                ratios = paper_bound(gammas, errors) / paper_bound(gamma, E)
            rows.append(
                {
                    "selection": run.selection.name,
                    "experts": run.experts,
                    "folder": run.folder.as_posix(),
                    "batch_size": size,
                    "batches": len(sampled),
                    "deviation": deviations.mean(),
                    "condition": np.median(np.linalg.cond(gammas)),
                    "condition_all": np.linalg.cond(gamma),
                    "bound_ratio": np.median(ratios),
                }
            )
    return pd.DataFrame(rows)


def _shuffled_batches(n: int, size: int) -> Iterator[np.ndarray]:
    """One epoch of full shuffled batches of indices below n."""
    order = np.random.default_rng(size).permutation(n)
    for start in range(0, n - size + 1, size):
        yield order[start : start + size]
