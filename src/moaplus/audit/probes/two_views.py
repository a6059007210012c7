"""The Gram matrix of two views: its bias, its gradient, its optimum."""

import itertools

import numpy as np
import pandas as pd

from moaplus.audit.draws import EXPERTS, TOLERANCE, dirichlet, random_concentrations
from moaplus.plan.studies import Plan
from moaplus.theory.bounds import determinant_bound, signed_loss
from moaplus.theory.concentrations import gram, minimax_weights, two_view_gram

NOISE = (1, 10, 100)  # κ: a view's concentrations are Dirichlet(κ q), of variance q(1-q)/(κ+1)
IMAGES, REPLICATIONS = 500, 400
STEP = 1e-6  # of differences


def measure(plan: Plan) -> pd.DataFrame:
    """Draw two views of images with known expected concentrations q, many times.

    A row for each M and noise:

        one_view, two_views: the largest bias of an entry of Γ/n and of Γ'/n, over the standard
            error that the replications leave it.
        mean_one_view, mean_instrument: the largest bias of a component's mean, where each image
            has a number with mean Σ_k q_k k, by weights of one view and by those of the other.
        gradient_error: of the formula for the gradient of -log det Γ', from differences.
        definite: replications whose Γ' is positive definite.
        broken: those of them in which |s| of the mean concentrations exceeds the determinant bound
            with Γ'.
        least: -log det Γ' - M log M, the least of them.
    """
    return pd.DataFrame([_row(M, noise) for M, noise in itertools.product(EXPERTS, NOISE)])


def _row(M: int, noise: float) -> dict:
    rng = np.random.default_rng(M)
    q = random_concentrations(rng, "Dirichlet(1)", (IMAGES, M))
    one, two, means, instrumented, ratios = [], [], [], [], []
    for _ in range(REPLICATIONS):
        P, Q = (dirichlet(rng, noise * q) for _ in range(2))
        numbers = rng.normal(q @ np.arange(M))
        one.append(gram(P))
        two.append(two_view_gram(P, Q))
        means.append(minimax_weights(P).T @ numbers)
        instrumented.append(np.linalg.solve(Q.T @ P, Q.T @ numbers))
        mean = (P + Q) / 2
        E = mean.T @ rng.pareto(1.0, P.shape) / IMAGES
        ratios.append(abs(signed_loss(gram(mean), E)) / determinant_bound(two[-1], E))
    is_definite = np.linalg.eigvalsh(two)[:, 0] > 0
    definite = np.array(two)[is_definite]
    return {
        "experts": M,
        "noise": noise,
        "one_view": _bias_in_errors(one, gram(q)),
        "two_views": _bias_in_errors(two, gram(q)),
        "mean_one_view": np.abs(np.mean(means, axis=0) - np.arange(M)).max(),
        "mean_instrument": np.abs(np.mean(instrumented, axis=0) - np.arange(M)).max(),
        "gradient_error": _gradient_error(P, Q),
        "definite": len(definite),
        "broken": (np.array(ratios)[is_definite] > TOLERANCE).sum(),
        "least": (-np.linalg.slogdet(definite)[1] - M * np.log(M)).min(initial=np.inf),
    }


def _bias_in_errors(estimates: list[np.ndarray], truth: np.ndarray) -> float:
    errors = np.std(estimates, axis=0, ddof=1) / len(estimates) ** 0.5
    return float(np.abs((np.mean(estimates, axis=0) - truth) / errors).max())


def _gradient_error(P: np.ndarray, Q: np.ndarray) -> float:
    """Compare -Q Γ'⁻¹ with the gradient of -log det Γ' in P.

    Returns the largest difference, divided by the largest entry.
    """
    expected = -np.linalg.solve(len(P) * two_view_gram(P, Q), Q.T).T[:20]
    gradient = np.zeros_like(expected)
    for place in np.ndindex(*gradient.shape):
        moved = [P.copy(), P.copy()]
        for sign, at in zip((1, -1), moved, strict=True):
            at[place] += sign * STEP
        up, down = (-np.linalg.slogdet(two_view_gram(at, Q))[1] for at in moved)
        gradient[place] = (up - down) / (2 * STEP)
    return float(np.abs(gradient - expected).max() / np.abs(expected).max())
