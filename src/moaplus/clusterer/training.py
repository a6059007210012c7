"""How the clusterer trains a mixture on a user's inputs."""

import copy
import functools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from torch import Tensor, nn

from moaplus.mixture.fit import Objective, State, epoch, fit, start
from moaplus.mixture.isolation import Isolation
from moaplus.mixture.networks import Images, MixtureOfAutoencoders
from moaplus.mixture.schedules.one_cycle import one_cycle
from moaplus.mixture.view_training import TwoViews

RIDGE = 1e-3  # smallest eigenvalue that Γ/n may have where it is inverted
MIN_EPOCHS = 25  # where a user leaves their number open
TRIED = 0.05  # of the time that is left, to find out how long an epoch takes
DEAD_SHARE = 0.01  # of 1/M: components with a smaller load are dead

SAMPLE, STARTS = 10_000, 10  # inputs for k-means, and starts of it
IMITATION, IMITATION_RATE = 100, 1e-2  # updates that imitate k-means, with Adam

ViewFunction = Callable[[Tensor], Tensor]  # of a batch: images (n, colours, h, w), or features


@dataclass(frozen=True)
class Training:
    """Trains mixtures, all alike.

    Attributes:
        objective: the training loss.
        batch_size: inputs in a batch.
        learning_rate: the peak of a one-cycle schedule, with AdamW.
        weight_decay: of AdamW.
        views: augmentations by name, or a function that makes a random view of each input.
        noise: standard deviation of the noise in views of features; None: the gate's own.
        min_steps: least number of updates where a user leaves the number of epochs open.
    """

    objective: Objective
    batch_size: int
    learning_rate: float
    weight_decay: float
    views: Sequence[str] | ViewFunction
    noise: float | None
    min_steps: int

    def begin(self, mixture: MixtureOfAutoencoders, seed: int) -> State:
        """Return the state of a training before its first epoch; the seed orders the inputs."""
        state = start(mixture, seed, weight_decay=self.weight_decay)
        if isinstance(state.network, TwoViews):
            state.network.dead_share = DEAD_SHARE
            state.network.view = view_function(self.views, mixture.gate, self.noise)
        return state

    def imitate(self, state: State, k_means: KMeans, inputs: Images) -> None:
        """Let all heads of a gate learn the clusters that k-means found, by views of the inputs.

        Clusters of very uneven size are far from where random weights lead.
        """
        gate, n = state.network.mixture.gate, len(inputs)
        optimizer = torch.optim.Adam(gate.parameters(), IMITATION_RATE)
        for _ in range(IMITATION):
            batch = inputs.index_select(0, torch.randint(n, (min(n, self.batch_size),)))
            clusters = torch.from_numpy(k_means.predict(batch.cpu().numpy())).long()
            logits = gate.by_head(state.network.view(batch, strength=1))
            targets = clusters.to(logits.device).expand(len(logits), -1)
            optimizer.zero_grad()
            F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
            optimizer.step()
        optimizer.zero_grad()

    def run(
        self,
        state: State,
        inputs: Images,
        epochs: int,
        after_epoch: Callable[[State], bool | None],
    ) -> None:
        """Train to the last of some epochs, or to that after which `after_epoch` returns true."""
        fit(
            state,
            inputs,
            self.objective,
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            schedule=one_cycle,
            ridge=RIDGE,
            after_epoch=after_epoch,
        )

    def pass_over(self, state: State, inputs: Images) -> None:
        """Train for an epoch of a training whose end is not known, at the learning rate's peak."""
        network = state.network
        network.mixture.train()
        order = torch.randperm(len(inputs), generator=state.order)
        batches = network.batches(order, self.batch_size)
        network.on_epoch_start(0, inputs.index_select(0, batches[0]))
        rate = self.learning_rate
        statistics = epoch(state, inputs, batches, self.objective, lambda: rate, RIDGE)
        network.on_midpoint(statistics.by_head(), *state.optimizer.moments.values())
        network.on_training_end(inputs)

    def epochs_within(
        self, seconds: float, mixture: MixtureOfAutoencoders, inputs: Images, most: int
    ) -> int:
        """Return how many epochs, of `most`, a training can have in some seconds.

        A copy of the mixture is trained for a small part of them.
        """
        began = time.monotonic()

        def spent(state: State) -> bool:
            return time.monotonic() - began > TRIED * seconds

        with Isolation(0):
            state = self.begin(copy.deepcopy(mixture), 0)
            self.run(state, inputs, most, spent)
        taken = time.monotonic() - began
        return max(1, min(most, int((seconds - taken) * len(state.rows) / taken)))

    def usual_epochs(self, n: int) -> int:
        """Return how many epochs n inputs get where a user leaves that open."""
        return max(MIN_EPOCHS, math.ceil(self.min_steps / math.ceil(n / self.batch_size)))


def last_loss(state: State) -> float:
    """Return the last epoch's objective of the head that was chosen."""
    row = state.rows[-1]
    return row.get("objective_head_0", row["objective"])


def k_means_of(inputs: Images, clusters: int, seed: int) -> tuple[KMeans, float]:
    """Cluster features by k-means.

    Returns:
        What it found, and the standard deviation of a feature within a cluster.
    """
    sample = inputs.index_select(0, torch.randperm(len(inputs))[:SAMPLE])
    k_means = KMeans(clusters, n_init=STARTS, random_state=seed).fit(sample.cpu().numpy())
    return k_means, math.sqrt(k_means.inertia_ / sample.numel())


def view_function(
    views: Sequence[str] | ViewFunction, gate: nn.Module, noise: float | None
) -> Callable[..., Tensor]:
    """Return what makes a view of each input, (n, …) -> (n, …), of some `strength`."""
    if callable(views):
        return lambda inputs, strength=1.0: checked_view(views, inputs)
    if not views:
        return lambda inputs, strength=1.0: inputs
    size = {} if noise is None else {"noise": noise}
    return functools.partial(gate.views, augmentations=views, **size)


def checked_view(function: ViewFunction, inputs: Tensor) -> Tensor:
    """Return what a user's function makes of inputs, (n, …), in their shape.

    Raises:
        ValueError: if that is no tensor of the shape that it was given.
    """
    given = inputs if inputs.ndim == 2 else inputs.reshape(len(inputs), -1, *inputs.shape[-2:])
    made = function(given)
    shape = tuple(getattr(made, "shape", ()))
    if not isinstance(made, Tensor) or shape != tuple(given.shape):
        what = f"a tensor of shape {shape}" if isinstance(made, Tensor) else type(made).__name__
        raise ValueError(
            f"views: the function returned {what}; it gets a tensor of shape "
            f"{tuple(given.shape)}, and has to return one of that shape"
        )
    return made.view(inputs.shape)
