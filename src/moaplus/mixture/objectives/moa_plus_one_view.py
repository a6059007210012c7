"""MoA+ with two views, but the Gram matrix of each view by itself."""

from torch import Tensor

from moaplus.mixture.objectives.moa_plus_views import with_errors
from moaplus.mixture.outcome import Outcome, shift_spectrum
from moaplus.theory.concentrations import two_view_gram


def moa_plus_one_view(outcome: Outcome) -> Tensor:
    """Compute `moa_plus_views` with (PᵀP + QᵀQ)/2 of the views' concentrations, (heads,)."""
    P, Q = outcome.view_concentrations
    gram = (two_view_gram(P, P) + two_view_gram(Q, Q)) / 2
    return with_errors(-shift_spectrum(gram, outcome.ridge).logdet(), outcome)
