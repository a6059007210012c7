"""MoA+: the paper's bound."""

from torch import Tensor

from moaplus.mixture.outcome import Outcome, shift_spectrum
from moaplus.theory.bounds import paper_bound


def moa_plus(outcome: Outcome) -> Tensor:
    """Compute the paper's bound, ‖Γ⁻¹‖_F · ‖diag(Pᵀe)‖₂ (slide "Modified Loss Function")."""
    return paper_bound(shift_spectrum(outcome.gram, outcome.ridge), outcome.cross_errors)
