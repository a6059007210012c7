"""How near a protocol comes to the paper's table: the rules of docs/search.md."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moaplus.plan.choices import PAPER_MODELS
from moaplus.report.claims import PAPER_FIGURES
from moaplus.report.multiverse.readings import square

# What loss may mean, by column of a curve. With top-1 routing MoA's mixed reconstruction is that of
# the chosen expert.
MOA_LOSS = {"soft": "mixture_error", "top_1": "routed_error"}
MOA_PLUS_LOSSES = ("mixture_error", "routed_error", "objective")
FARTHEST = 2.0  # a distance that stands for all larger ones, and for failed trainings


@dataclass(frozen=True)
class Stop:
    """Where a model's training is nearest to the paper's two figures of it.

    Attributes:
        epoch: counted from 1.
        loss: the column that is read as loss.
        figures: NMI and loss there, means over seeds.
        square: the sum of the squares of both differences from the paper, over its contrasts.
    """

    epoch: int
    loss: str
    figures: tuple[float, float]
    square: float


@dataclass(frozen=True)
class Judgement:
    """Where both models of a protocol are nearest to the paper's table, and how near that is."""

    stops: dict[str, Stop]
    distance: float


def judge(records: Sequence[Sequence[dict]]) -> Judgement | None:
    """Judge a protocol by its entries: for each seed those of MoA and MoA+.

    Returns:
        None if one of the models has failed at each epoch at one of the seeds.
    """
    stops = {
        model: nearest_stop(model, [entries[position] for entries in records])
        for position, model in enumerate(PAPER_MODELS)
    }
    if not all(stops.values()):
        return None
    distance = (sum(stop.square for stop in stops.values()) / len(PAPER_FIGURES)) ** 0.5
    return Judgement(stops, min(distance, FARTHEST))


def nearest_stop(model: str, entries: Sequence[dict]) -> Stop | None:
    """Return the epoch and reading of loss at which a model is nearest to the paper, if any.

    Args:
        model: one of the paper's two.
        entries: its records, one for each seed; an epoch counts that all reach and in which none
            has failed.
    """
    usable = np.array([*map(all, zip(*map(sound, entries), strict=False))])
    if not usable.any():
        return None
    paper = {figure.quantity: figure for figure in PAPER_FIGURES if figure.method == model}
    nmi = mean_curve(entries, "nmi", len(usable))
    stops = []
    for column in loss_columns(model, entries[0]["settings"]["training"]):
        loss = mean_curve(entries, column, len(usable))
        squares = square(paper["nmi"], nmi) + square(paper["loss"], loss)
        best = int(np.where(usable, squares, np.inf).argmin())
        stops.append(Stop(best + 1, column, (nmi[best], loss[best]), float(squares[best])))
    return min(stops, key=lambda stop: stop.square)


def loss_columns(model: str, training: dict) -> tuple[str, ...]:
    """Return what may be read as the loss of a model, by its settings of training."""
    return MOA_PLUS_LOSSES if model == "moa_plus" else (MOA_LOSS[training.get("routing", "soft")],)


def sound(entry: dict) -> list[bool]:
    """Tell for each epoch whether a training that ended there has not failed.

    By docs/verdicts.md, and it is not in pre-training.
    """
    limit, curves = entry["mean_image_error"], entry["curves"]
    pretrained = entry["settings"]["training"].get("pretrain", 0)
    both = zip(curves.get("mixture_error", ()), curves.get("worst_error", ()), strict=True)
    return [
        epoch > pretrained and max(mixed, worst) < limit
        for epoch, (mixed, worst) in enumerate(both, start=1)
    ]


def mean_curve(entries: Sequence[dict], column: str, epochs: int) -> np.ndarray:
    """Return the mean over seeds of a curve, (epochs,)."""
    return np.mean([entry["curves"][column][:epochs] for entry in entries], axis=0)
