"""The multiverse: protocols that differ in what the paper leaves open, drawn from all there are.

A protocol is one option for every decision (Steegen et al. 2016, "Increasing transparency through
a multiverse analysis"). Decisions that cost nothing, such as what loss means, are not here: they
are read from what a protocol leaves (`report.readings`).
"""

import math
from dataclasses import dataclass
from pathlib import Path

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.runs import Run
from moaplus.plan.settings import make_run, selections, settings
from moaplus.storage.files import UserError

IMAGES = "images"  # the decision that is no key of `model` or `train`


@dataclass(frozen=True)
class Protocol:
    """One option for every decision, and the runs of both models under it.

    Attributes:
        number: in the sample; the seed of its runs.
        options: decision -> number of the option in params.yaml.
        runs: MoA and MoA+, from the same first weights, on the same batches.
    """

    number: int
    options: dict[str, int]
    runs: tuple[Run, Run]


def check_multiverse(params: dict, path: Path) -> None:
    """See that there are as many protocols as params.yaml asks for, and images for the experts.

    Raises:
        UserError: if not.
    """
    if "multiverse" not in params:
        return
    wanted = params["multiverse"]
    fewest = min(
        images["images"]
        for images in wanted["decisions"][IMAGES] + [{"images": math.inf}]
        if images["images"] != "all"
    )
    if wanted["experts"] > fewest:
        raise UserError(
            f"{path}: multiverse.experts: {wanted['experts']} is more than the {fewest} images of "
            "an option; allowed: at most that many"
        )
    there_are = math.prod(map(len, wanted["decisions"].values()))
    if wanted["protocols"] > there_are:
        raise UserError(
            f"{path}: multiverse.protocols: {wanted['protocols']} is more than there are; allowed: "
            f"at most the {there_are} combinations of multiverse.decisions"
        )


def draw(params: dict) -> tuple[Protocol, ...]:
    """The protocols of params.yaml's `multiverse`: a sample without repetition.

    The first points of a scrambled Sobol sequence (Owen 1998, "Scrambling Sobol' and
    Niederreiter-Xing points"): all options of a decision are drawn about equally often, and a
    larger sample begins with the smaller one.
    """
    wanted = params["multiverse"]
    counts = {decision: len(options) for decision, options in wanted["decisions"].items()}
    sample = _sample(counts, int(wanted["protocols"]), int(wanted["seed"]))
    return tuple(_protocol(params, number, options) for number, options in enumerate(sample))


def _sample(counts: dict[str, int], size: int, seed: int) -> list[dict[str, int]]:
    """Points of a Sobol sequence as options, each combination once."""
    from scipy.stats.qmc import Sobol  # half a second, for this alone

    sequence, found = Sobol(len(counts), seed=seed), {}
    block = size
    while len(found) < size:
        for point in sequence.random_base2(math.ceil(math.log2(block))):
            options = {k: int(u * n) for (k, n), u in zip(counts.items(), point, strict=True)}
            found.setdefault(tuple(options.values()), options)
        block = sequence.num_generated
    return list(found.values())[:size]


def _protocol(params: dict, number: int, options: dict[str, int]) -> Protocol:
    chosen = {
        decision: params["multiverse"]["decisions"][decision][option]
        for decision, option in options.items()
    }
    (images,) = selections(chosen.pop(IMAGES), params["dataset"], params)
    how = settings(params, chosen)
    experts = params["multiverse"]["experts"]
    runs = (make_run(params, images, how, experts, name, number, False) for name in PAPER_MODELS)
    return Protocol(number, options, tuple(runs))
