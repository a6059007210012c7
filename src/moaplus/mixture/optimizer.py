"""Adam and the one-cycle schedule.

torch.optim.Adam imports torch's compiler, more than a second in each of many short runs. Here is
torch's functional Adam with the state it needs; the tests hold both against torch.optim.
"""

import math
from collections.abc import Iterable

import torch
from torch.nn import Parameter
from torch.optim.adam import adam


class Adam:
    """Adam with its usual constants (Kingma and Ba 2015, "Adam", algorithm 1)."""

    def __init__(self, parameters: Iterable[Parameter]):
        self.parameters = list(parameters)
        self.updates = 0
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.counts = [torch.zeros((), device=p.device) for p in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter by its gradient, and drop the gradients."""
        adam(
            self.parameters,
            [parameter.grad for parameter in self.parameters],
            self.means,
            self.squares,
            max_exp_avg_sqs=[],
            state_steps=self.counts,
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
        for parameter in self.parameters:
            parameter.grad = None


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
