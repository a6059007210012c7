"""Adam with weight decay.

torch.optim.Adam imports torch's compiler, more than a second in each of many short runs. Here is
torch's functional Adam with the state it needs; the tests hold it against torch.optim.
"""

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam on a vector, with its usual constants (Kingma and Ba 2015, "Adam", algorithm 1).

    With weight decay it is AdamW (Loshchilov and Hutter 2019, algorithm 2).
    """

    def __init__(self, weights: Tensor, weight_decay: float = 0):
        self.weights, self.weight_decay = weights, weight_decay
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
            weight_decay=self.weight_decay,
            decoupled_weight_decay=True,
            eps=1e-8,
            maximize=False,
        )
        self.updates += 1
