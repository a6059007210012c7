"""What the audit measures apart from training; each probe writes one CSV of results/probes.

Random P and e come from seeded generators: the same probe gives the same file.
"""

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from moaplus.bounds import frobenius_bound, paper_bound, signed_loss
from moaplus.concentrations import gram, minimax_weights
from moaplus.evaluated import load_concentrations
from moaplus.frames import save_frame
from moaplus.plan import GRADIENT_TIMES, PROBE_NAMES, Plan
from moaplus.plan import PROBES as FOLDER

EXPERTS = (2, 3, 5, 10)
IMAGES = 64  # of a random batch: as many as training takes
DRAWS = 5000  # random batches for each kind
TOLERANCE = 1 + 1e-9  # of rounding: the bounds are sharp
BATCH_SIZES = (16, 64, 256, 1024)


def random_concentrations(
    rng: np.random.Generator, kind: str, shape: tuple[int, ...]
) -> np.ndarray:
    """P of shape (…, n, M), its rows drawn from a Dirichlet distribution of some kind."""
    M = shape[-1]
    alpha = {
        "Dirichlet(1)": np.ones(M),
        "nearly one-hot": np.full(M, 0.05),
        "nearly uniform": np.full(M, 100.0),
        "unbalanced": np.array([10.0, *np.full(M - 1, 0.5)]),
    }[kind]
    gamma = rng.standard_gamma(np.broadcast_to(alpha, shape)) + np.finfo(float).tiny
    return gamma / gamma.sum(axis=-1, keepdims=True)


KINDS_OF_P = ("Dirichlet(1)", "nearly one-hot", "nearly uniform", "unbalanced")
KINDS_OF_ERRORS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "light tails": lambda rng, shape: rng.random(shape),
    "heavy tails": lambda rng, shape: rng.pareto(1.0, shape),
}


def identities(plan: Plan) -> pd.DataFrame:
    """How far AᵀP is from I, by our QR factorisation and by an explicit inverse of Γ."""
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
    """Largest entry of |AᵀP − I|."""
    return float(np.abs(A.T @ P - np.eye(P.shape[1])).max())


def bounds(plan: Plan) -> pd.DataFrame:
    """How often |s| passes the paper's bound and the Frobenius bound, over random P and e."""
    rows = []
    for M, kind_of_P, kind_of_e in itertools.product(EXPERTS, KINDS_OF_P, KINDS_OF_ERRORS):
        rng = np.random.default_rng(M)
        P = random_concentrations(rng, kind_of_P, (DRAWS, IMAGES, M))
        e = KINDS_OF_ERRORS[kind_of_e](rng, P.shape)
        s, paper, frobenius = _loss_and_bounds(P, e)
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
            }
        )
    return pd.DataFrame(rows)


def _loss_and_bounds(P: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """s, the paper's bound and the Frobenius bound of batches P and e, (…, n, M)."""
    transposed = P.swapaxes(-1, -2)
    gamma, E = transposed @ P, transposed @ e
    return signed_loss(gamma, E), paper_bound(gamma, E), frobenius_bound(gamma, E)


def counterexamples(plan: Plan) -> pd.DataFrame:
    """The worst of all small (P, e): n = M, e of zeros and ones, P in tenths or (M = 3) halves.

    A row for each M and sign of s; P and e are written row by row. Γ is singular for n < M, so no
    counterexample has fewer images. For M = 3 concentrations may be 0.
    """
    rows = []
    for M, parts, least in ((2, 10, 1), (3, 2, 0)):
        P, e = _small_cases(M, parts, least)
        s, paper, _ = (values.round(12) for values in _loss_and_bounds(P, e))
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
    """Every M×M matrix P of multiples of 1/parts with Γ regular, with every e of zeros and ones."""
    tuples = itertools.product(range(least, parts + 1), repeat=M)
    rows = [row for row in tuples if sum(row) == parts]
    P = np.array(list(itertools.product(rows, repeat=M))) / parts
    P = P[np.abs(np.linalg.det(P)) > 1e-9]
    e = np.array(list(itertools.product((0.0, 1.0), repeat=M * M))).reshape(-1, M, M)
    return np.repeat(P, len(e), axis=0), np.tile(e, (len(P), 1, 1))


def _written(matrix: np.ndarray) -> str:
    return "; ".join(" ".join(f"{value:g}" for value in row) for row in matrix)


def gradients(plan: Plan) -> pd.DataFrame:
    """Autograd's gradient of |s| against central differences, in float64.

    The time that each takes goes to a record of its own, since it differs from run to run.
    """
    import torch

    torch.set_num_threads(1)
    rows, times = [], []
    for M, scale in itertools.product(EXPERTS, (0.1, 2.0)):
        generator = torch.Generator().manual_seed(M)
        sizes = {"generator": generator, "dtype": torch.float64}
        inputs = torch.cat(
            [scale * torch.randn(IMAGES, M, **sizes), torch.rand(IMAGES, M, **sizes)]
        )
        start = time.perf_counter()
        automatic = torch.func.grad(_exact_loss)(inputs)
        middle = time.perf_counter()
        differences = _central_differences(_exact_loss, inputs)
        end = time.perf_counter()
        error = (automatic - differences).norm() / differences.norm()
        key = {"experts": M, "logits_scale": scale}
        rows.append(key | {"evaluations": 2 * inputs.numel(), "relative_error": error.item()})
        times.append(key | {"autograd_s": middle - start, "differences_s": end - middle})
    save_frame(GRADIENT_TIMES, pd.DataFrame(times))
    return pd.DataFrame(rows)


def _exact_loss(inputs):
    """|s| as a function of the logits and the errors, stacked as (2n, M)."""
    logits, errors = inputs.chunk(2)
    P = logits.softmax(dim=1)
    return signed_loss(gram(P), P.T @ errors / len(P)).abs()


def _central_differences(function, inputs, step: float = 1e-6):
    gradient = inputs.new_empty(inputs.numel())
    for i in range(inputs.numel()):
        moved = inputs.new_zeros(inputs.numel())
        moved[i] = step
        moved = moved.view_as(inputs)
        gradient[i] = (function(inputs + moved) - function(inputs - moved)) / (2 * step)
    return gradient.view_as(inputs)


def batches(plan: Plan) -> pd.DataFrame:
    """Γ and the paper's bound of mini-batches against those of all images, after training."""
    rows = []
    for run in plan.probed_runs:
        arrays = load_concentrations(run)
        P, e = (arrays[f"train_{name}"].astype(float) for name in ("concentrations", "errors"))
        gamma, E = gram(P), P.T @ e / len(P)
        for size in (size for size in BATCH_SIZES if size <= len(P)):
            sampled = list(_batches(len(P), size))
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


def _batches(n: int, size: int) -> Iterator[np.ndarray]:
    """One epoch of full shuffled batches of indices below n."""
    order = np.random.default_rng(size).permutation(n)
    for start in range(0, n - size + 1, size):
        yield order[start : start + size]


PROBES: dict[str, Callable[[Plan], pd.DataFrame]] = dict(
    zip(PROBE_NAMES, (identities, bounds, counterexamples, gradients, batches), strict=True)
)


def probe(name: str, plan: Plan) -> None:
    """Run one probe and write its table."""
    save_frame(FOLDER / f"{name}.csv", PROBES[name](plan))
