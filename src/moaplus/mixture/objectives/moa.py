"""Standard MoA."""

from torch import Tensor

from moaplus.mixture.outcome import Outcome


def moa(outcome: Outcome) -> Tensor:
    """MSE of the mixed reconstruction (slide "Standard Mixture of Experts and Shortcomings").

    Jacobs, Jordan, Nowlan and Hinton 1991, "Adaptive Mixtures of Local Experts", eq. 1.1.
    """
    return outcome.mixture_errors.mean()
