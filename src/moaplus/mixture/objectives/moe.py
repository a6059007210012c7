"""Mixture of experts of 1991, errors weighted."""

from torch import Tensor

from moaplus.mixture.outcome import Outcome


def moe(outcome: Outcome) -> Tensor:
    """Errors of the experts, weighted: Σ_k p_i^k e_ik, mean over images (ibid., eq. 1.2)."""
    return (outcome.concentrations * outcome.errors).sum(dim=1).mean()
