"""Standard MoA."""

from torch import Tensor

from moaplus.mixture.outcome import Outcome


def moa(outcome: Outcome) -> Tensor:
    """Compute the MSE of the mixed reconstruction.

    Slide "Standard Mixture of Experts and Shortcomings"; Jacobs, Jordan, Nowlan and Hinton 1991,
    "Adaptive Mixtures of Local Experts", eq. 1.1.
    """
    return outcome.mixture_errors.mean()
