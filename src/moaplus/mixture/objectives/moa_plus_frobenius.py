"""MoA+ with a bound that is true for every M."""

from torch import Tensor

from moaplus.mixture.outcome import Outcome, shift_spectrum
from moaplus.theory.bounds import frobenius_bound


def moa_plus_frobenius(outcome: Outcome) -> Tensor:
    """Compute ‖Γ⁻¹‖_F · ‖Pᵀe‖_F: like the paper's bound, but a bound for every M."""
    return frobenius_bound(shift_spectrum(outcome.gram, outcome.ridge), outcome.cross_errors)
