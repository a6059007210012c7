"""Mixture of experts of 1991, with weighted errors."""

from torch import Tensor

from moaplus.mixture.outcome import Outcome


def moe(outcome: Outcome) -> Tensor:
    """Compute the weighted errors of the experts, Σ_k p_i^k e_ik, mean over images.

    Jacobs, Jordan, Nowlan and Hinton 1991, "Adaptive Mixtures of Local Experts", eq. 1.2.
    """
    return (outcome.concentrations * outcome.errors).sum(dim=1).mean()
