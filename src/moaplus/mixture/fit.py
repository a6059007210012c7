"""The training loop: images in, weights and a history out. It knows no file and no plan."""

import ctypes
import inspect
import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from moaplus.mixture.history import EpochStatistics, NotFiniteError
from moaplus.mixture.networks import Flat, Images, MixtureOfAutoencoders
from moaplus.mixture.optimizers.adam import adam
from moaplus.mixture.outcome import Outcome

Objective = Callable[[Outcome], Tensor]  # a value, or one for each head of the gate
Schedule = Callable[[int, int, float], float]  # update, all updates, peak -> learning rate
Update = Callable[..., None]  # of weights by a gradient: a function of `optimizers`

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt, in bytes (malloc.h)


def keep_freed_memory() -> None:
    """Let this process keep up to a GiB of what a step frees, for the next one.

    Otherwise glibc gives it back to the system, and asking again for it takes a quarter of a step
    on two views. Other libraries of C are left as they are.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the largest that glibc takes
        libc.mallopt(M_TRIM_THRESHOLD, 2**30)


class Optimizer:
    """Updates a vector of weights by gradients of an objective.

    Attributes:
        weights: (parameters,), changed in place.
        updates: so far, which is the schedule's state.
        moments: what the update rule remembers, by name: (parameters,) each.
        counts: of updates, as torch wants them: one for the weights of each rate.
    """

    def __init__(
        self,
        weights: Tensor,
        update: Update = adam,
        *,
        weight_decay: float = 0,
        clip_norm: float = 0,
        rates: Sequence[tuple[int, float]] = (),
    ):
        """Begin with moments of 0.

        Args:
            weights: as above.
            update: a function of `optimizers`.
            weight_decay: of the update rule.
            clip_norm: the largest norm of a gradient, to which longer ones are scaled down
                (Pascanu et al. 2013); 0: any.
            rates: how many weights, in their order, have which factor on the learning rate; all of
                them 1 without it.
        """
        self.weights, self.update, self.updates = weights, update, 0
        self.weight_decay, self.clip_norm = weight_decay, clip_norm
        sizes, self.factors = zip(*(rates or [(len(weights), 1.0)]), strict=True)
        self.sizes = list(sizes)
        _, _, *names = inspect.getfullargspec(update).args  # after the weights and the gradient
        self.moments = {name: torch.zeros_like(weights) for name in names}
        self.counts = torch.zeros(len(sizes), device=weights.device)

    @torch.no_grad()
    def step(self, gradient: Tensor, learning_rate: float) -> None:
        """Update the weights by a gradient (parameters,), which may be changed too."""
        if self.clip_norm:
            gradient.mul_((self.clip_norm / gradient.norm()).clamp(max=1))
        vectors = (self.weights, gradient, *self.moments.values())
        parts = zip(*(vector.split(self.sizes) for vector in vectors), strict=True)
        for part, factor, count in zip(parts, self.factors, self.counts, strict=True):
            self.update(
                *part,
                count=count,
                learning_rate=factor * learning_rate,
                weight_decay=self.weight_decay,
            )
        self.updates += 1

    @property
    def state(self) -> dict[str, Tensor]:
        """Return all tensors that an update changes, by name."""
        return {"weights": self.weights, "counts": self.counts, **self.moments}


@dataclass
class State:
    """All that an epoch changes: from it a training continues to the same end.

    Attributes:
        network: the mixture in training, with its weights.
        optimizer: with its moments, and the number of updates, which is the schedule's state.
        order: the generator that shuffles the images.
        rows: the history, one row for each epoch so far.
    """

    network: Flat
    optimizer: Optimizer
    order: torch.Generator
    rows: list[dict] = field(default_factory=list)

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights of the mixture by name.

        Raises:
            NotFiniteError: if one is not finite.
        """
        state = self.network.mixture.state_dict()
        weights = {name: values.cpu().numpy() for name, values in state.items()}
        for name, values in weights.items():
            if not np.isfinite(values).all():
                raise NotFiniteError(f"{name} is not finite after the last step")
        return weights

    def snapshot(self) -> tuple[dict[str, np.ndarray], str]:
        """Return the state as arrays by name, torch's own random state included, and as JSON."""
        optimizer = self.optimizer
        tensors = optimizer.state | {
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),
        }
        if optimizer.weights.is_cuda:
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        return arrays, json.dumps({"rows": self.rows, "updates": optimizer.updates})

    def restore(self, arrays: dict[str, np.ndarray], progress: str) -> None:
        """Bring back, in place, the state that `snapshot` returned."""
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        with torch.no_grad():
            for name, tensor in self.optimizer.state.items():
                tensor.copy_(tensors[name])
        self.order.set_state(tensors["order"])
        torch.set_rng_state(tensors["random"])
        if "random_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random_cuda"])
        known = json.loads(progress)
        self.optimizer.updates, self.rows = known["updates"], known["rows"]


def start(
    mixture: MixtureOfAutoencoders,
    seed: int,
    *,
    optimizer: Update = adam,
    weight_decay: float = 0,
    clip_norm: float = 0,
    gate_rate: float = 1,
    views: Collection[str] = (),
) -> State:
    """Return the state of a training before its first epoch.

    Args:
        mixture: with its initial weights.
        seed: of the generator that shuffles the images.
        optimizer: a function of `optimizers`.
        weight_decay: of the optimizer, for all weights.
        clip_norm: the largest norm of a gradient; 0: any.
        gate_rate: factor on the learning rate of the gate.
        views: augmentations, for a gate that is trained on views of the images.
    """
    network = mixture.train().flat(views)
    gate = sum(weight.numel() for weight in mixture.gate.parameters())
    experts = len(network.vector) - gate
    rates = () if gate_rate == 1 else ((experts, 1.0), (gate, gate_rate))
    settings = {"weight_decay": weight_decay, "clip_norm": clip_norm, "rates": rates}
    updates = Optimizer(network.vector, optimizer, **settings)
    return State(network, updates, torch.Generator().manual_seed(seed))


def fit(
    state: State,
    images: Images,
    objective: Objective,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    schedule: Schedule,
    ridge: float,
    pretrain: int = 0,
    after_epoch: Callable[[State], bool | None] = lambda state: None,
) -> None:
    """Train from `state` to the last epoch.

    Args:
        state: changed in place.
        images: (n, *shape), grey values in [0, 1]; batches of them are on the mixture's device.
        objective: the training loss.
        epochs: of the whole training, those before `state` included.
        batch_size: images in a batch; the last batch of an epoch may be smaller.
        learning_rate: the peak of the schedule.
        schedule: of the learning rate.
        ridge: the smallest eigenvalue that Γ/n may have where it is inverted.
        pretrain: the first of the epochs in which each expert learns all images alike, and the gate
            nothing.
        after_epoch: called with the state after each epoch, for checkpoints and progress; where it
            returns true, that epoch is the last.

    Raises:
        NotFiniteError: if the training diverges: the objective, an error or Γ is not finite.
    """
    network, optimizer = state.network, state.optimizer
    steps = math.ceil(len(images) / batch_size)

    def rate() -> float:
        return schedule(optimizer.updates, epochs * steps, learning_rate)

    while len(state.rows) < epochs:
        shuffled = torch.randperm(len(images), generator=state.order).to(images.device)
        batches = network.batches(shuffled, batch_size)
        network.on_epoch_start(len(state.rows) / epochs, images.index_select(0, batches[0]))
        loss = objective if len(state.rows) >= pretrain else all_alike
        statistics = epoch(state, images, batches, loss, rate, ridge)
        if len(state.rows) == math.ceil(epochs / 2):
            network.on_midpoint(statistics.by_head(), *optimizer.moments.values())
        if after_epoch(state):
            break
    network.on_training_end(images)


def all_alike(outcome: Outcome) -> Tensor:
    """Compute the mean of all experts' errors on all images, of which no gate knows."""
    return outcome.errors.mean()


def epoch(
    state: State,
    images: Images,
    batches: Sequence[Tensor],
    objective: Objective,
    rate: Callable[[], float],
    ridge: float,
) -> EpochStatistics:
    """Take a step for each batch of indices, and add a row to the history.

    Raises:
        NotFiniteError: as `fit`.
    """
    statistics = EpochStatistics(len(state.rows) + 1, ridge)
    for number, batch in enumerate(batches, start=1):
        try:
            statistics.add(*step(state, images.index_select(0, batch), objective, rate(), ridge))
        except torch.linalg.LinAlgError as error:  # what LAPACK makes of NaN
            statistics.fold()
            raise statistics.not_finite("Γ", number) from error
    state.rows.append(statistics.row())
    return statistics


def step(
    state: State,
    images: Tensor,
    objective: Objective,
    learning_rate: float,
    ridge: float,
) -> tuple[Outcome, Tensor]:
    """Update the weights once by a batch of images, (n, *shape).

    Returns:
        The batch's outcome, and its objective, (1,) or (heads,).
    """
    outcome = Outcome(*state.network(images), ridge=ridge)
    value = objective(outcome)
    state.optimizer.step(state.network.gradient(value.mean()), learning_rate)
    return outcome, value.detach().view(-1)
