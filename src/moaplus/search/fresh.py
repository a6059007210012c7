"""What fresh seeds make of a protocol that the search found: rules 5 and 6 of docs/search.md."""

from dataclasses import dataclass

import numpy as np

from moaplus.plan.choices import PAPER_MODELS
from moaplus.report.cells import NO_ESTIMATE, Share, share
from moaplus.report.claims import HOLDS, PAPER_FIGURES, PaperFigure, Verdict, figure_verdict
from moaplus.report.multiverse.readings import distance
from moaplus.report.quantities import QUANTITIES
from moaplus.search.judge import Stop, sound
from moaplus.search.trial import Trial
from moaplus.theory.intervals import Estimate, estimate


@dataclass(frozen=True)
class FreshFigure:
    """A figure of the paper in fresh seeds.

    Attributes:
        figure: the paper's.
        column: what is read as its quantity.
        measured: the mean.
        verdict: of the mean.
        shown: which runs round to the figure, (seeds,).
    """

    figure: PaperFigure
    column: str
    measured: Estimate
    verdict: Verdict
    shown: np.ndarray

    @property
    def cell(self) -> str:
        """Print the mean with its interval."""
        return self.measured.format(QUANTITIES[self.column].digits)


@dataclass(frozen=True)
class Fresh:
    """A protocol and its four figures in fresh seeds."""

    trial: Trial
    figures: tuple[FreshFigure, ...]

    @property
    def in_the_mean(self) -> bool:
        """Tell whether the mean of each figure is the paper's."""
        return all(each.verdict.word == HOLDS for each in self.figures)

    @property
    def at_once(self) -> Share:
        """Return in how many runs all four round to the paper's."""
        return share(np.all([each.shown for each in self.figures], axis=0))

    @property
    def distance(self) -> float:
        """Return how far the means are from the paper's table."""
        return distance({each.figure.key: each.measured.mean for each in self.figures})


def fresh_of(trial: Trial) -> Fresh:
    """Return what the fresh seeds of a protocol say, at the epochs that the search chose."""
    return Fresh(trial, tuple(_figure(trial, figure) for figure in PAPER_FIGURES))


def _figure(trial: Trial, figure: PaperFigure) -> FreshFigure:
    stop = trial.judgement.stops[figure.method]
    column = "nmi" if figure.quantity == "nmi" else stop.loss
    position = PAPER_MODELS.index(figure.method)
    entries = [trial.entries[seed][position] for seed in trial.candidate.fresh_seeds]
    values = np.array([_value(entry, column, stop) for entry in entries])
    low, high = figure.range
    shown = (low <= values) & (values <= high) & [_is_sound(entry, stop) for entry in entries]
    ended = values[np.isfinite(values)]
    measured = estimate(ended).within(*QUANTITIES[column].range) if len(ended) else NO_ESTIMATE
    return FreshFigure(figure, column, measured, figure_verdict(figure, measured), shown)


def _value(entry: dict, column: str, stop: Stop) -> float:
    """Return a score at the epoch at which the training is stopped; NaN if it diverged before."""
    curve = entry["curves"].get(column, [])
    if len(curve) < stop.epoch and entry["failed"]:
        return np.nan
    return curve[min(stop.epoch, len(curve)) - 1]


def _is_sound(entry: dict, stop: Stop) -> bool:
    found = sound(entry)
    if len(found) < stop.epoch and entry["failed"]:
        return False
    return found[min(stop.epoch, len(found)) - 1]
