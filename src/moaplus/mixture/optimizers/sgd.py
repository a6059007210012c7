"""Stochastic gradient descent with momentum 0.9."""

from torch import Tensor
from torch.optim.sgd import sgd as functional


def sgd(
    weights: Tensor,
    gradient: Tensor,
    velocity: Tensor,
    *,
    count: Tensor,
    learning_rate: float,
    weight_decay: float,
) -> None:
    """Update weights in place (Sutskever et al. 2013, in the form of torch.optim.SGD).

    Args:
        weights: (parameters,), as are the gradient and the velocity, which is 0 at first.
        gradient: of the objective.
        velocity: the sum of gradients, each step's part of it 0.9 of the step before.
        count: of updates so far, (); changed here, not used.
        learning_rate: of this update.
        weight_decay: added to the gradient, as a penalty on squares.
    """
    functional(
        [weights],
        [gradient],
        [velocity],
        weight_decay=weight_decay,
        momentum=0.9,
        lr=learning_rate,
        dampening=0,
        nesterov=False,
        maximize=False,
    )
    count += 1
