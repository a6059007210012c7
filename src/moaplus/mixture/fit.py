"""Training: images in, weights and records out. It knows no file and no plan."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from moaplus.mixture.flat import Flat
from moaplus.mixture.history import EpochRecord
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.mixture.optimizer import Adam
from moaplus.mixture.outcome import Outcome

Objective = Callable[[Outcome], Tensor]  # a value, or one for each head of the gate
Schedule = Callable[[int, int, float], float]  # update, all updates, peak -> learning rate


@dataclass
class State:
    """All that an epoch changes: from it a training goes on to the same end.

    Attributes:
        network: the weights, and what is computed from them.
        optimizer: Adam's means, and the number of updates, which is the schedule's state.
        order: the generator that shuffles the images.
        rows: of the history, one per epoch so far.
    """

    network: Flat
    optimizer: Adam
    order: torch.Generator
    rows: list[dict] = field(default_factory=list)


def start(
    mixture: MixtureOfAutoencoders,
    seed: int,
    *,
    weight_decay: float = 0,
    views: Collection[str] = (),
) -> State:
    """The state of a training before its first epoch.

    Args:
        mixture: with its first weights.
        seed: of the order of the images.
        weight_decay: of the optimizer, for all weights.
        views: deformations, for a gate that sees views of the images.
    """
    network = mixture.train().flat(views)
    return State(network, Adam(network.vector, weight_decay), torch.Generator().manual_seed(seed))


def fit(
    state: State,
    images: Tensor,
    objective: Objective,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    schedule: Schedule,
    ridge: float,
    after_epoch: Callable[[State], None] = lambda state: None,
) -> None:
    """Train from `state` to the last epoch.

    Args:
        state: changed in place.
        images: (n, 28, 28), grey values in [0, 1], on the device of the mixture.
        objective: what is minimised.
        epochs: of the whole training, those before `state` included.
        batch_size: images in a batch; the last batch of an epoch may be smaller.
        learning_rate: peak of the schedule.
        schedule: of the learning rate.
        ridge: the smallest eigenvalue that Γ/n may have where it is inverted.
        after_epoch: called with the state after each epoch, for checkpoints and progress.

    Raises:
        NotFiniteError: if the objective, an error or Γ is not finite.
    """
    inputs, steps = state.network.prepare(images), math.ceil(len(images) / batch_size)

    def rate() -> float:
        return schedule(state.optimizer.updates, epochs * steps, learning_rate)

    while len(state.rows) < epochs:
        state.network.done = len(state.rows) / epochs
        shuffled = torch.randperm(len(images), generator=state.order).to(images.device)
        batches = state.network.batches(shuffled, batch_size)
        epoch(state, inputs, batches, objective, rate, ridge)
        if len(state.rows) == math.ceil(epochs / 2):
            optimizer = state.optimizer
            state.network.half_way(state.rows[-1], optimizer.means, optimizer.squares)
        after_epoch(state)
    state.network.finish(images)


def epoch(
    state: State,
    inputs: tuple[Tensor, ...],
    batches: Sequence[Tensor],
    objective: Objective,
    rate: Callable[[], float],
    ridge: float,
) -> None:
    """An epoch: a step for each batch of indices, and a row of the history."""
    record = EpochRecord(len(state.rows) + 1, ridge)
    for number, batch in enumerate(batches, start=1):
        try:
            record.add(*step(state, inputs, batch, objective, rate(), ridge))
        except torch.linalg.LinAlgError as error:  # what LAPACK makes of NaN
            record.check()
            raise record.not_finite("Γ", number) from error
    state.rows.append(record.row())


def step(
    state: State,
    inputs: tuple[Tensor, ...],
    batch: Tensor,
    objective: Objective,
    learning_rate: float,
    ridge: float,
) -> tuple[Outcome, Tensor]:
    """One update of the weights on some of the images; returns what they gave."""
    outcome = Outcome(*state.network(inputs, batch), ridge=ridge)
    value = objective(outcome)
    state.optimizer.step(state.network.gradient(value.mean()), learning_rate)
    return outcome, value.detach().view(-1)
