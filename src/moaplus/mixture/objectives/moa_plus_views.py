"""MoA+ with two views: the logarithm of the bound by determinants, with Γ' in place of Γ."""

import torch
from torch import Tensor

from moaplus.mixture.outcome import Outcome, shift_spectrum

EPSILON = 1e-12  # the least value that a logarithm is taken of


def moa_plus_views(outcome: Outcome) -> Tensor:
    """Compute -log det(Γ'/n) + log ‖diag(Pᵀe)/n‖₂ of each head of the gate, (heads,).

    With ‖Pᵀe‖_F in place of the diagonal, which is what the paper's own bound has, it is the
    logarithm of `theory.bounds.determinant_bound`, without the constant.
    """
    return with_errors(-shift_spectrum(outcome.view_grams, outcome.ridge).logdet(), outcome)


def with_errors(separation: Tensor, outcome: Outcome) -> Tensor:
    """Add log ‖diag(Pᵀe)/n‖₂ to the separation of each head, (heads,).

    Experts are trained for the first head, so the gradient of the errors counts once.
    """
    errors = outcome.cross_errors.diagonal().norm().clamp(min=EPSILON).log()
    return separation + torch.cat([errors[None], errors.detach().expand(len(separation) - 1)])
