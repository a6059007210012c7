"""Random P and e for the probes; the same seeds give the same values."""

from collections.abc import Callable

import numpy as np

from moaplus.theory.bounds import determinant_bound, frobenius_bound, paper_bound, signed_loss

EXPERTS = (2, 3, 5, 10)
IMAGES = 64  # of a random batch: as many as training takes
TOLERANCE = 1 + 1e-9  # of rounding: the bounds are sharp


def random_concentrations(
    rng: np.random.Generator, kind: str, shape: tuple[int, ...]
) -> np.ndarray:
    """Draw P, (…, n, M), whose rows have a Dirichlet distribution of some kind."""
    M = shape[-1]
    alpha = {
        "Dirichlet(1)": np.ones(M),
        "nearly one-hot": np.full(M, 0.05),
        "nearly uniform": np.full(M, 100.0),
        "unbalanced": np.array([10.0, *np.full(M - 1, 0.5)]),
    }[kind]
    return dirichlet(rng, np.broadcast_to(alpha, shape))


def dirichlet(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """Draw from the Dirichlet distribution of each row of `alpha`, (…, M)."""
    gamma = rng.standard_gamma(alpha) + np.finfo(float).tiny
    return gamma / gamma.sum(axis=-1, keepdims=True)


KINDS_OF_P = ("Dirichlet(1)", "nearly one-hot", "nearly uniform", "unbalanced")
KINDS_OF_ERRORS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "light tails": lambda rng, shape: rng.random(shape),
    "heavy tails": lambda rng, shape: rng.pareto(1.0, shape),
}


def loss_and_bounds(P: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, ...]:
    """Compute s and the paper's, the Frobenius and the determinant bound of batches (…, n, M)."""
    transposed = P.swapaxes(-1, -2)
    gamma, E = transposed @ P, transposed @ e
    bounds = paper_bound(gamma, E), frobenius_bound(gamma, E)
    return signed_loss(gamma, E), *bounds, determinant_bound(gamma / P.shape[-2], E / P.shape[-2])
