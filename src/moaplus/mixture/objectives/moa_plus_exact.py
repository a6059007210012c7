"""MoA+: the paper's loss itself."""

from torch import Tensor

from moaplus.mixture.outcome import Outcome, shift_spectrum
from moaplus.theory.bounds import signed_loss


def moa_plus_exact(outcome: Outcome) -> Tensor:
    """Compute the paper's loss itself, |tr(Γ⁻¹Pᵀe)| (slide "Modified Loss Function")."""
    return signed_loss(shift_spectrum(outcome.gram, outcome.ridge), outcome.cross_errors).abs()
