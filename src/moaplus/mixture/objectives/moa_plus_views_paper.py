"""The paper's bound, with the Gram matrix of two views."""

from torch import Tensor

from moaplus.mixture.outcome import Outcome, shift_spectrum
from moaplus.theory.bounds import paper_bound


def moa_plus_views_paper(outcome: Outcome) -> Tensor:
    """Compute ‖(Γ'/n)⁻¹‖_F · ‖diag(Pᵀe)/n‖₂ of each head of the gate, (heads,)."""
    return paper_bound(shift_spectrum(outcome.view_grams, outcome.ridge), outcome.cross_errors)
