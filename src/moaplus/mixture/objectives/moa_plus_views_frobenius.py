"""MoA+ with two views, by the norm of the inverse in place of the determinant."""

import torch
from torch import Tensor

from moaplus.mixture.objectives.moa_plus_views import with_errors
from moaplus.mixture.outcome import Outcome, shift_spectrum


def moa_plus_views_frobenius(outcome: Outcome) -> Tensor:
    """Compute log ‖(Γ'/n)⁻¹‖_F + log ‖diag(Pᵀe)/n‖₂ of each head of the gate, (heads,)."""
    eigenvalues = torch.linalg.eigvalsh(shift_spectrum(outcome.view_grams, outcome.ridge))
    return with_errors((1 / eigenvalues).norm(dim=1).log(), outcome)
