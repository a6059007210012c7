"""Clusters of uneven size: how much the training loss asks for even ones."""

from collections.abc import Callable

import torch
from torch import Tensor

from moaplus.mixture.objectives.moa_plus_views import with_errors
from moaplus.mixture.outcome import Outcome, shift_spectrum
from moaplus.theory.concentrations import two_view_gram

EPSILON = 1e-6  # the least load that is divided by


def with_balance(balance: float) -> Callable[[Outcome], Tensor]:
    """Return the objective `moa_plus_views` with a weight on the part of it that balances.

    With the loads d, the mean concentrations over both views, and D = diag(d),
    -log det Γ' = -log det(D^-1/2 Γ' D^-1/2) - Σ_k log d_k. The first part is 0 for any partition
    that both views agree on, of whatever sizes, and larger for others: the matrix is that of the
    analysis of correspondences, its singular values are correlations. The second is least for even
    sizes, and gets the weight.

    The heads of the gate are trained with weights from this one up to 1, which lead to other
    optima; the values by which they are compared have this weight for all.

    Args:
        balance: the weight, from 0 to 1.
    """

    def objective(outcome: Outcome) -> Tensor:
        disagreement, unevenness = parts(*outcome.view_concentrations, outcome.ridge)
        weights = (
            balance + (1 - balance) * torch.linspace(0, 1, len(unevenness)).to(unevenness) ** 2
        )
        push = (weights - balance) * unevenness
        return with_errors(balance * unevenness + disagreement + push - push.detach(), outcome)

    return objective


def parts(P: Tensor, Q: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Return both parts of -log det Γ' for the concentrations of two views, (heads, n, M).

    Args:
        P, Q: the concentrations.
        ridge: the smallest eigenvalue that Γ'/n may have; that of the first part's matrix is as
            large beside it.
    """
    loads = ((P + Q) / 2).mean(dim=1).clamp(min=EPSILON)
    scale = loads.rsqrt()
    correspondences = scale[:, :, None] * two_view_gram(P, Q) * scale[:, None, :]
    shifted = shift_spectrum(correspondences, ridge * loads.shape[1])
    return -shifted.logdet(), -loads.log().sum(dim=1)
