"""Adam with its usual constants; AdamW with weight decay.

torch.optim.Adam imports torch's compiler, more than a second in each of many short runs; this is
torch's functional form.
"""

from torch import Tensor
from torch.optim.adam import adam as functional


def adam(
    weights: Tensor,
    gradient: Tensor,
    means: Tensor,
    squares: Tensor,
    *,
    count: Tensor,
    learning_rate: float,
    weight_decay: float,
) -> None:
    """Update weights in place (Kingma and Ba 2015, "Adam", algorithm 1).

    With weight decay it is AdamW (Loshchilov and Hutter 2019, algorithm 2).

    Args:
        weights: (parameters,), as are the gradient and its moments, which are 0 at first.
        gradient: of the objective.
        means: running mean of the gradients.
        squares: running mean of their squares.
        count: of updates so far, ().
        learning_rate: of this update.
        weight_decay: decoupled from the gradient.
    """
    functional(
        [weights],
        [gradient],
        [means],
        [squares],
        max_exp_avg_sqs=[],
        state_steps=[count],
        fused=True,
        amsgrad=False,
        beta1=0.9,
        beta2=0.999,
        lr=learning_rate,
        weight_decay=weight_decay,
        decoupled_weight_decay=True,
        eps=1e-8,
        maximize=False,
    )
