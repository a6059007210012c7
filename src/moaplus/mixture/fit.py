"""Training: images in, weights and records out. It knows no file and no plan."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from moaplus.mixture.history import EpochRecord
from moaplus.mixture.optimizer import Adam, one_cycle
from moaplus.mixture.outcome import Outcome

Objective = Callable[[Outcome], Tensor]


@dataclass
class State:
    """All that an epoch changes: from it a training goes on to the same end.

    Attributes:
        mixture: the weights.
        optimizer: Adam's means, and the number of updates, which is the schedule's state.
        order: the generator that shuffles the images.
        rows: of the history, one per epoch so far.
    """

    mixture: nn.Module
    optimizer: Adam
    order: torch.Generator
    rows: list[dict] = field(default_factory=list)


def start(mixture: nn.Module, seed: int) -> State:
    """The state of a training before its first epoch."""
    return State(mixture, Adam(mixture.parameters()), torch.Generator().manual_seed(seed))


def fit(
    state: State,
    images: Tensor,
    objective: Objective,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    ridge: float,
    precision: str,
    after_epoch: Callable[[State], None] = lambda state: None,
) -> None:
    """Train from `state` to the last epoch.

    Args:
        state: changed in place.
        images: (n, 28, 28), grey values in [0, 1], on the device of the mixture.
        objective: what is minimised.
        epochs: of the whole training, those before `state` included.
        batch_size: images in a batch; the last batch of an epoch may be smaller.
        learning_rate: peak of the one-cycle schedule.
        ridge: the smallest eigenvalue that Γ/n may have where it is inverted.
        precision: of matrix products: `float32` or `bfloat16`.
        after_epoch: called with the state after each epoch, for checkpoints and progress.

    Raises:
        NotFiniteError: if the objective, an error or Γ is not finite.
    """
    steps = math.ceil(len(images) / batch_size)
    for epoch in range(len(state.rows) + 1, epochs + 1):
        record = EpochRecord(epoch, ridge)
        shuffled = torch.randperm(len(images), generator=state.order).to(images.device)
        for number, batch in enumerate(shuffled.split(batch_size), start=1):
            rate = one_cycle(state.optimizer.updates, epochs * steps, learning_rate)
            try:
                record.add(*step(state, images[batch], objective, rate, ridge, precision))
            except torch.linalg.LinAlgError as error:  # what LAPACK makes of NaN
                record.check()
                raise record.not_finite("Γ", number) from error
        state.rows.append(record.row())
        after_epoch(state)


def step(
    state: State,
    images: Tensor,
    objective: Objective,
    learning_rate: float,
    ridge: float,
    precision: str,
) -> tuple[Outcome, Tensor]:
    """One update of the weights on a batch (n, 28, 28); returns what the batch gave."""
    dtype = getattr(torch, precision)
    with torch.autocast(images.device.type, dtype, enabled=dtype != torch.float32):
        reconstructions, logits = state.mixture(images)
    outcome = Outcome(images, reconstructions, logits, ridge)
    value = objective(outcome)
    value.backward()
    state.optimizer.step(learning_rate)
    return outcome, value.detach()
