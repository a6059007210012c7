"""Adam and the one-cycle schedule.

torch.optim.Adam imports torch's compiler, more than a second in each of many short runs. Here is
torch's functional Adam with the state it needs; the tests hold both against torch.optim.
"""

import math

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam on a vector, with its usual constants (Kingma and Ba 2015, "Adam", algorithm 1)."""

    def __init__(self, weights: Tensor):
        self.weights = weights
        self.updates = 0
        self.means, self.squares = torch.zeros_like(weights), torch.zeros_like(weights)
        self.count = torch.zeros((), device=weights.device)  # of updates, as torch wants it

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """Update the weights, in place."""
        adam(
            [self.weights],
            [gradient],
            [self.means],
            [self.squares],
            max_exp_avg_sqs=[],
            state_steps=[self.count],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=0,
            eps=1e-8,
            maximize=False,
        )
        self.updates += 1


def one_cycle(update: int, updates: int, peak: float) -> float:
    """Learning rate of update 0, 1, …, updates - 1 (Smith and Topin 2017, "Super-Convergence").

    A cosine from peak/25 up to peak over the first 30 % of the updates, another down to 1/10,000
    of the start: the defaults of torch.optim.lr_scheduler.OneCycleLR.
    """
    start, turn, last = peak / 25, 0.3 * updates - 1, updates - 1
    if update <= turn:
        return _cosine(start, peak, update / turn)
    return _cosine(peak, start / 1e4, (update - turn) / (last - turn))


def _cosine(first: float, second: float, share: float) -> float:
    return second + (first - second) * (1 + math.cos(math.pi * share)) / 2
