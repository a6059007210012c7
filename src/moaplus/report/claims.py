"""What the paper claims, the rule by which a measurement decides it, and what our runs decide."""

import math
from dataclasses import dataclass

import pandas as pd

from moaplus.plan.runs import Selection, Study
from moaplus.report.cells import Cell, Share, improvement, mean_of, paired, paired_difference
from moaplus.report.coverage import is_marked
from moaplus.report.failures import all_collapsed, failed
from moaplus.report.lines import lines_of, rows_by_line
from moaplus.report.quantities import LOSSES, QUANTITIES
from moaplus.report.titles import METHODS
from moaplus.theory.intervals import (
    MINIMUM_SEEDS,
    Estimate,
    Prediction,
    p_value,
    prediction_interval,
)

RULE = f"""\
docs/verdicts.md has all of it, and what a failed training is. In short: a
figure of the paper stands for all numbers that round to it (0.8 for 0.75 to 0.85). It *holds* if
our 95 % interval for the mean lies inside that range (interval inclusion, an equivalence test),
*does not hold* if the interval lies outside it, and *can't be decided* if the two overlap only in
part; that includes a figure inside an interval that is wider than its rounding. A comparison looks
at the difference MoA+ minus MoA, seed by seed: it *holds* if the interval of the mean difference
lies wholly on the claimed side of zero, *does not hold* if it lies wholly on the other side, and
*can't be decided* if it contains zero. Fewer than {MINIMUM_SEEDS} seeds have no interval, and
decide nothing. Where nothing is decided, the table says how many seeds would be enough, if more
seeds left mean and spread as they are: the interval is then narrow enough to clear the nearest
limit.

One training *could have shown* a figure if at least one of ours rounds to it; if none does, the
answer is *no* where the 95 % prediction interval of one more run lies outside the range. From 39
runs on that interval is free of any distribution; of fewer it takes runs to be normal and says
so."""

HOLDS, FAILS, OPEN = "holds", "does not hold", "can't be decided"
EQUIVALENT = "equivalent"
SHOWN, EXCLUDED = "yes", "no"  # whether a single run could have shown a figure
NEITHER = ""  # the reason says it all


@dataclass(frozen=True)
class Verdict:
    """What a measurement says of a claim.

    Attributes:
        word: `HOLDS`, `FAILS`, `OPEN` or `NEITHER`.
        reason: in a few words, or nothing.
    """

    word: str
    reason: str = ""


@dataclass(frozen=True)
class PaperFigure:
    """A number of the paper's table, with the digits it is given to."""

    method: str
    quantity: str
    value: float
    digits: int

    @property
    def key(self) -> str:
        """Name the claim: `nmi_moa`; a comparison is named by its quantity alone."""
        return f"{self.quantity}_{self.method}"

    @property
    def range(self) -> tuple[float, float]:
        """Return the ends of all numbers that round to the figure."""
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


@dataclass(frozen=True)
class SingleRun:
    """Whether one training could have shown a figure.

    Attributes:
        rounding: how many of our trainings round to it.
        prediction: where one more would be.
        verdict: `SHOWN`, `EXCLUDED`, or that none of these runs does.
    """

    rounding: Share
    prediction: Prediction
    verdict: Verdict


@dataclass(frozen=True)
class ClaimResult:
    """What the runs of a study say of a claim on one selection of images.

    Attributes:
        key: of the claim: that of a figure, or the quantity of a comparison.
        column: of runs.csv, one of those that the claim's quantity may mean.
        title: the claim in words, the same in each study.
        paper: what the paper says.
        measured: ours; for a comparison, MoA+ minus MoA, seed by seed.
        verdict: by `RULE`.
        limits: between which the paper's word is true.
        failed: how many of the trainings, or pairs of them, failed.
        without_failed: the measurement without those.
        collapsed: whether it is a score of trainings that have all collapsed.
        marked: whether such intervals hold the mean too rarely.
        p: of a mean difference of 0, for a comparison; NaN where seeds are too few.
        improvement: probability that MoA+ is better than MoA, for a comparison.
        single: what single runs say, for a figure.
    """

    key: str
    column: str
    title: str
    paper: str
    measured: Estimate
    verdict: Verdict
    limits: tuple[float, ...]
    failed: int
    without_failed: Estimate
    collapsed: bool = False
    marked: bool = False
    p: float = math.nan
    improvement: Estimate | None = None
    single: SingleRun | None = None

    @property
    def cell(self) -> Cell:
        """Return what tables print of the measurement."""
        return Cell(self.measured, QUANTITIES[self.column], self.collapsed, self.marked)

    @property
    def enough(self) -> int | None:
        """Return how many seeds would decide what is open: 0 if unknown, None if it is decided."""
        if self.verdict.word != OPEN:
            return None
        return seeds_to_decide(self.limits, self.measured)


def claim_results(study: Study, runs: pd.DataFrame, selection: Selection) -> list[ClaimResult]:
    """Decide each figure and each comparison that the paper prints, on the training images.

    Args:
        study: one that trains both of the paper's models, M = 2, in one way.
        runs: its rows of runs.csv.
        selection: one of its own.
    """
    rows_of = rows_by_line(study, runs)
    methods = {line.method: rows_of(line, "train") for line in lines_of(study, selection)}
    figures = [
        _figure_result(figure, column, methods[figure.method])
        for figure in PAPER_FIGURES
        for column in _columns(figure.quantity)
    ]
    comparisons = [
        _comparison_result(quantity, column, methods["moa_plus"], methods["moa"])
        for quantity in PAPER_COMPARISONS
        for column in _columns(quantity)
    ]
    return figures + comparisons


def _figure_result(figure: PaperFigure, column: str, rows: pd.DataFrame) -> ClaimResult:
    measured, lost = mean_of(rows, column), failed(rows, column)
    return ClaimResult(
        key=figure.key,
        column=column,
        title=f"{_name(column)} of {METHODS[figure.method]}",
        paper=f"{figure.value}",
        measured=measured,
        verdict=figure_verdict(figure, measured),
        limits=figure.range,
        failed=int(lost.sum()),
        without_failed=mean_of(rows[~lost], column),
        collapsed=all_collapsed(rows, column),
        marked=is_marked(rows, column),
        single=single_run(figure, column, rows),
    )


def _comparison_result(
    quantity: str, column: str, ours: pd.DataFrame, standard: pd.DataFrame
) -> ClaimResult:
    sign, difference = PAPER_COMPARISONS[quantity], paired_difference(ours, standard, column)
    lost = {*_failed_seeds(ours, column), *_failed_seeds(standard, column)}
    sound = (rows[~rows["seed"].isin(lost)] for rows in (ours, standard))
    return ClaimResult(
        key=quantity,
        column=column,
        title=f"{_name(column)}: MoA+ {'higher' if sign > 0 else 'lower'} than MoA",
        paper="difference " + ("> 0" if sign > 0 else "< 0"),
        measured=difference,
        verdict=comparison_verdict(sign, difference),
        limits=(0.0,),
        failed=len(lost),
        without_failed=paired_difference(*sound, column),
        p=p_value(paired(ours, standard, column)),
        improvement=improvement(ours, standard, column),
    )


def _failed_seeds(rows: pd.DataFrame, column: str) -> set[int]:
    return set(rows.loc[failed(rows, column), "seed"])


def single_run(figure: PaperFigure, column: str, rows: pd.DataFrame) -> SingleRun:
    """Decide whether a single training could have shown a figure (docs/verdicts.md).

    Args:
        figure: of the paper.
        column: of runs.csv.
        rows: of the trainings, on training images.
    """
    low, high = figure.range
    shown = rows[column].between(low, high) & ~failed(rows, column)
    rounding = Share(int(shown.sum()), len(rows), "exact")
    prediction = prediction_interval(rows[column].to_numpy(), *QUANTITIES[column].range)
    verdict = Verdict(f"not in {len(rows)} runs")
    if rounding.count:
        verdict = Verdict(SHOWN, f"{100 * shown.mean():.0f} % of runs")
    elif prediction.high < low or prediction.low > high:
        verdict = Verdict(EXCLUDED)
    return SingleRun(rounding, prediction, verdict)


def _columns(quantity: str) -> tuple[str, ...]:
    """Return the columns of runs.csv that a quantity of the paper may mean."""
    return ("nmi",) if quantity == "nmi" else LOSSES


def _name(column: str) -> str:
    heading = QUANTITIES[column].heading
    return heading[0].upper() + heading[1:]


def figure_verdict(figure: PaperFigure, measured: Estimate) -> Verdict:
    """Decide by `RULE` whether a measurement bears out a figure of the paper."""
    low, high = figure.range
    if measured.n < MINIMUM_SEEDS:
        return Verdict(OPEN, f"fewer than {MINIMUM_SEEDS} seeds")
    if low <= measured.low and measured.high <= high:
        return Verdict(HOLDS)
    if measured.high < low:
        return Verdict(FAILS, "ours is lower")
    if measured.low > high:
        return Verdict(FAILS, "ours is higher")
    if measured.low <= figure.value <= measured.high:
        return Verdict(OPEN, "the figure lies in our interval")
    return Verdict(OPEN)


def comparison_verdict(sign: int, difference: Estimate) -> Verdict:
    """Decide by `RULE` whether MoA+ minus MoA lies on the claimed side of zero."""
    if difference.n < MINIMUM_SEEDS:
        return Verdict(OPEN, f"fewer than {MINIMUM_SEEDS} seeds")
    if sign * difference.low > 0 and sign * difference.high > 0:
        return Verdict(HOLDS)
    if sign * difference.low < 0 and sign * difference.high < 0:
        return Verdict(FAILS, "the opposite does")
    return Verdict(OPEN)


def format_verdict(verdict: Verdict) -> str:
    """Print a verdict: `does not hold (ours is lower)`."""
    if not verdict.word:
        return verdict.reason
    return f"{verdict.word} ({verdict.reason})" if verdict.reason else verdict.word


def seeds_to_decide(limits: tuple[float, ...], measured: Estimate) -> int:
    """Return about how many seeds it takes until the interval of the same mean holds no limit.

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


def compare(difference: Estimate, margin: float) -> Verdict:
    """Tell whether two means are equivalent, or which is the larger (docs/verdicts.md).

    Args:
        difference: of them.
        margin: within which they count as equivalent.
    """
    side = direction(difference)
    if -margin < difference.low and difference.high < margin:  # false without an interval
        return Verdict(EQUIVALENT, "" if side == OPEN else side)
    return Verdict(side)


def direction(difference: Estimate) -> str:
    """Return on which side of zero the interval of a difference lies, where seeds can tell."""
    if difference.n >= MINIMUM_SEEDS and difference.low > 0:
        return "higher"
    if difference.n >= MINIMUM_SEEDS and difference.high < 0:
        return "lower"
    return OPEN
