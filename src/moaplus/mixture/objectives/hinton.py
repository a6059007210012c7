"""Mixture of experts of 1991, as a likelihood."""

from torch import Tensor

from moaplus.mixture.layers import SIDE
from moaplus.mixture.outcome import Outcome


def hinton(outcome: Outcome, sigma: float) -> Tensor:
    """Compute −log Σ_k p_i^k exp(−‖x_i − x̂_ik‖²/2σ²), mean over images.

    Jacobs, Jordan, Nowlan and Hinton 1991, "Adaptive Mixtures of Local Experts", eq. 1.3, which
    has σ = 1.
    """
    squared_distances = outcome.errors * SIDE**2
    fits = -squared_distances / (2 * sigma**2)
    return -(outcome.logits.log_softmax(dim=1) + fits).logsumexp(dim=1).mean()
