"""The multiverse: protocols that differ in what the paper leaves open, drawn from all there are.

A protocol is one option for every decision (Steegen et al. 2016, "Increasing transparency through
a multiverse analysis"). Decisions that cost nothing, such as what loss means, are not here: they
are read from what a protocol leaves (`report.readings`).
"""

import math
from dataclasses import dataclass

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.params import IMAGES, MultiverseBlock, Params
from moaplus.plan.runs import Run
from moaplus.storage.files import UserError

STEP = 1000  # from one seed of a protocol to the next


@dataclass(frozen=True)
class Protocol:
    """One option for every decision, and the runs of both models under it.

    Attributes:
        number: in the sample, i; its seeds are i, 1000 + i, 2000 + i, ….
        options: decision -> number of the option in params.yaml.
        pairs: for each seed MoA and MoA+, from the same first weights, on the same batches.
    """

    number: int
    options: dict[str, int]
    pairs: tuple[tuple[Run, Run], ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Return the runs of all seeds."""
        return tuple(run for pair in self.pairs for run in pair)


def check_multiverse(params: Params) -> None:
    """See that every protocol that params.yaml asks for can be trained.

    Raises:
        UserError: if there are fewer protocols than it asks for, too many for several seeds, or an
            option cannot be trained.
    """
    wanted = params.multiverse
    if wanted is None:
        return
    params.check_decisions("multiverse")
    there_are = math.prod(map(len, wanted.decisions.values()))
    if wanted.protocols > there_are:
        raise UserError(
            f"multiverse.protocols: {wanted.protocols} is more than there are; allowed: "
            f"at most the {there_are} combinations of multiverse.decisions"
        )
    if wanted.seeds > 1 and wanted.protocols > STEP:
        raise UserError(
            f"multiverse.seeds: {wanted.seeds} of more than {STEP:,} protocols, which would share "
            "some; allowed: 1"
        )


def draw(params: Params) -> tuple[Protocol, ...]:
    """Return the protocols of params.yaml's `multiverse`: a sample without repetition.

    The first points of a scrambled Sobol sequence (Owen 1998, "Scrambling Sobol' and
    Niederreiter-Xing points"): all options of a decision are drawn about equally often, and a
    larger sample begins with the smaller one.
    """
    sample = enumerate(_sample(params.multiverse))
    return tuple(_protocol(params, number, options) for number, options in sample)


def _sample(wanted: MultiverseBlock) -> list[dict[str, int]]:
    """Return points of a Sobol sequence as options, each combination once."""
    from scipy.stats.qmc import Sobol  # half a second, for this alone

    counts = {decision: len(options) for decision, options in wanted.decisions.items()}
    sequence, found = Sobol(len(counts), seed=wanted.seed), {}
    block = wanted.protocols
    while len(found) < wanted.protocols:
        for point in sequence.random_base2(math.ceil(math.log2(block))):
            options = {k: int(u * n) for (k, n), u in zip(counts.items(), point, strict=True)}
            found.setdefault(tuple(options.values()), options)
        block = sequence.num_generated
    return list(found.values())[: wanted.protocols]


def _protocol(params: Params, number: int, options: dict[str, int]) -> Protocol:
    wanted = params.multiverse
    chosen = {decision: wanted.decisions[decision][option] for decision, option in options.items()}
    (images,) = chosen.pop(IMAGES).selections(params.dataset, params.subset_seed)
    how = params.top_level.changed(chosen)
    seeds = (number + STEP * k for k in range(wanted.seeds))
    pairs = (
        tuple(params.run(images, how, wanted.experts, name, seed, False) for name in PAPER_MODELS)
        for seed in seeds
    )
    return Protocol(number, options, tuple(pairs))
