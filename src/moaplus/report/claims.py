"""What the paper claims, and the rule by which a measurement decides it."""

import math
from dataclasses import dataclass

from moaplus.theory.intervals import MINIMUM_SEEDS, Estimate

RULE = f"""\
A figure of the paper stands for all numbers that round to it (0.8 for 0.75 to 0.85). It *holds*
if our 95 % interval lies inside that range, *does not hold* if the interval lies outside it, and
*can't be decided* if the two overlap only in part; that includes a figure inside an interval that
is wider than its rounding. A comparison looks at the difference MoA+ minus
MoA, seed by seed: it *holds* if the interval of the mean difference lies wholly on the claimed
side of zero, *does not hold* if it lies wholly on the other side, and *can't be decided* if it
contains zero. Fewer than {MINIMUM_SEEDS} seeds have no interval, and decide nothing. Where nothing
is decided, the table says how many seeds would be enough, if more seeds left mean and spread as
they are: the interval is then narrow enough to clear the nearest limit."""

HOLDS, FAILS, OPEN = "holds", "does not hold", "can't be decided"


@dataclass(frozen=True)
class PaperFigure:
    """A number of the paper's table, with the digits it is given to."""

    method: str
    quantity: str
    value: float
    digits: int

    @property
    def range(self) -> tuple[float, float]:
        """All numbers that round to the figure."""
        half = 0.5 * 10**-self.digits
        return self.value - half, self.value + half


# The paper's table, slide "Experimental Results: Setup and Metrics".
PAPER_FIGURES = (
    PaperFigure("moa", "nmi", 0.08, 2),
    PaperFigure("moa_plus", "nmi", 0.8, 1),
    PaperFigure("moa", "loss", 0.018, 3),
    PaperFigure("moa_plus", "loss", 0.008, 3),
)
# "MoA+ significantly outperforms": the sign that MoA+ minus MoA should have.
PAPER_COMPARISONS = {"nmi": +1, "loss": -1}


def figure_verdict(figure: PaperFigure, measured: Estimate) -> str:
    """Whether a measurement bears out a figure of the paper, by `RULE`."""
    low, high = figure.range
    if measured.n < MINIMUM_SEEDS:
        return f"{OPEN} (fewer than {MINIMUM_SEEDS} seeds)"
    if low <= measured.low and measured.high <= high:
        return HOLDS
    if measured.high < low:
        return f"{FAILS} (ours is lower)"
    if measured.low > high:
        return f"{FAILS} (ours is higher)"
    if measured.low <= figure.value <= measured.high:
        return f"{OPEN} (the figure lies in our interval)"
    return OPEN


def comparison_verdict(sign: int, difference: Estimate) -> str:
    """Whether MoA+ minus MoA lies on the claimed side of zero, by `RULE`."""
    if difference.n < MINIMUM_SEEDS:
        return f"{OPEN} (fewer than {MINIMUM_SEEDS} seeds)"
    if sign * difference.low > 0 and sign * difference.high > 0:
        return HOLDS
    if sign * difference.low < 0 and sign * difference.high < 0:
        return f"{FAILS} (the opposite does)"
    return OPEN


def seeds_to_decide(limits: tuple[float, ...], measured: Estimate) -> int:
    """Seeds with which the interval of the same mean would hold none of the limits, about.

    Its half width is taken to shrink as 1/√n. 0 if nothing is known of it.

    Args:
        limits: of a figure's range; or zero, for a difference.
        measured: with what seeds there are.
    """
    nearest = min(abs(measured.mean - limit) for limit in limits)
    half = (measured.high - measured.low) / 2
    if measured.n < MINIMUM_SEEDS or nearest == 0:
        return 0
    return math.ceil(measured.n * (half / nearest) ** 2)


def direction(difference: Estimate) -> str:
    """Which side of zero the interval of a difference lies on, where the seeds can tell."""
    if difference.n >= MINIMUM_SEEDS and difference.low > 0:
        return "higher"
    if difference.n >= MINIMUM_SEEDS and difference.high < 0:
        return "lower"
    return OPEN
