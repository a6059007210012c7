"""The cells of the tables: numbers until they are printed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from moaplus.report.coverage import MARK, is_marked
from moaplus.report.failures import all_collapsed
from moaplus.report.quantities import LOSSES, QUANTITIES, Quantity
from moaplus.theory.intervals import Estimate, estimate, probability_of_improvement

LEAST_P = 1e-4  # smaller ones are not worth telling apart
NO_ESTIMATE = Estimate(np.nan, np.nan, np.nan, 0)


@dataclass(frozen=True)
class Cell:
    """A mean over seeds of a quantity, or of differences of it.

    Prints as `0.81 [0.78, 0.84] (10)`, with a mark where such intervals hold the mean too rarely;
    as the number alone where all seeds have the same; as `10 of 10 collapsed` where their gates all
    use one expert; as nothing where no seed has it.
    """

    measured: Estimate
    quantity: Quantity
    collapsed: bool = False
    marked: bool = False

    def __str__(self) -> str:
        if self.measured.n == 0:
            return ""
        if self.collapsed:
            return f"{self.measured.n} of {self.measured.n} collapsed"
        if self.quantity.constant:
            return self.mean
        interval = self.measured.format_interval(self.quantity.digits)
        return f"{interval}{MARK * self.has_mark} ({self.measured.n})"

    @property
    def has_mark(self) -> bool:
        """Tell whether it has an interval that is marked."""
        return self.marked and not np.isnan(self.measured.low)

    @property
    def mean(self) -> str:
        """Print the mean alone."""
        return f"{self.measured.mean:z.{self.quantity.digits}f}" if self.measured.n else ""


@dataclass(frozen=True)
class Share:
    """A count and its share; prints with a 95 % interval: `12 of 96: 0.12 [0.07, 0.21]`.

    Attributes:
        count: of cases in which something holds.
        n: of all cases.
        interval: `wilson`, or `exact` (Clopper and Pearson 1934), as SciPy names them.
    """

    count: int
    n: int
    interval: str = "wilson"

    def __str__(self) -> str:
        if not self.n:
            return ""
        test = binomtest(self.count, self.n)
        low, high = test.proportion_ci(method=self.interval)
        return f"{self.count} of {self.n}: {test.statistic:.2f} [{low:.2f}, {high:.2f}]"


def cell(rows: pd.DataFrame, column: str) -> Cell:
    """Return the mean over seeds of a quantity of some rows."""
    collapsed, marked = all_collapsed(rows, column), is_marked(rows, column)
    return Cell(mean_of(rows, column), QUANTITIES[column], collapsed, marked)


def cells(rows: pd.DataFrame, columns: Iterable[str]) -> dict[str, Cell]:
    """Return cells under the headings of their quantities."""
    return {QUANTITIES[column].heading: cell(rows, column) for column in columns}


def mean_of(rows: pd.DataFrame, column: str) -> Estimate:
    """Return the mean over seeds with its interval, which ends where the quantity does."""
    quantity, values = QUANTITIES[column], rows[column].dropna()
    if values.empty:
        return NO_ESTIMATE
    if quantity.constant:
        return Estimate(float(values.iloc[0]), np.nan, np.nan, len(values))
    return estimate(values).within(*quantity.range)


def paired(first: pd.DataFrame, second: pd.DataFrame, column: str) -> pd.Series:
    """Return first minus second, seed by seed.

    Runs of one seed share first weights and batches; a seed that only one has does not count.
    """
    pairs = first.merge(second, on="seed", suffixes=("_first", "_second"), validate="1:1")
    return pairs[f"{column}_first"] - pairs[f"{column}_second"]


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, column: str) -> Estimate:
    """Return the mean over seeds of first minus second."""
    values = paired(first, second, column)
    if values.empty:
        return NO_ESTIMATE
    low, high = QUANTITIES[column].range
    return estimate(values).within(low - high, high - low)


def improvement(first: pd.DataFrame, second: pd.DataFrame, column: str) -> Estimate | None:
    """Return the probability that a run of the first is better: of higher score, or lower loss."""
    ours, theirs = first[column].to_numpy(), second[column].to_numpy()
    if not len(ours) or not len(theirs):
        return None
    if column in LOSSES:
        ours, theirs = -ours, -theirs
    return probability_of_improvement(ours, theirs)


def share(holds: Iterable[bool]) -> Share:
    """Count in how many cases something holds."""
    holds = list(holds)
    return Share(sum(map(bool, holds)), len(holds))


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Print a table in Markdown: empty where a value is None, bars inside a cell escaped."""
    printed = [{_print(key): _print(value) for key, value in row.items()} for row in rows]
    return pd.DataFrame(printed).to_markdown(index=False, disable_numparse=True)


def format_p(p: float) -> str:
    """Print a p-value, the smallest as `< 0.0001`; nothing where there is none."""
    if np.isnan(p):
        return ""
    return f"{p:.2g}" if p >= LEAST_P else f"< {LEAST_P:.4f}"


def _print(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|")
