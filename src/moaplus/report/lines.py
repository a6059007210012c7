"""From the lines of a table to their rows of runs.csv."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from moaplus.plan.references import REFERENCE_METHODS
from moaplus.plan.runs import Selection, Study

CONFIGURATION = "configuration"  # column of runs.csv, and last heading of a table


@dataclass(frozen=True)
class Line:
    """A line of a table: runs that differ by nothing but their seed, or a reference method.

    Attributes:
        experts: M.
        architecture: of its runs; nothing for a reference method.
        settings: in which the study's runs differ.
        method: objective or reference method.
        configuration: of its rows of runs.csv.
    """

    experts: int
    architecture: str
    settings: tuple[str, ...]
    method: str
    configuration: str

    @property
    def is_reference(self) -> bool:
        return self.method in REFERENCE_METHODS


def lines_of(study: Study, selection: Selection) -> list[Line]:
    """Return the lines for a study's runs on one selection, and for the references beside them."""
    lines = {}
    common = set(study.common_changes)
    for run in study.runs:
        if run.selection == selection:
            settings = tuple(change for change in run.changes if change not in common)
            name = run.configuration.as_posix()
            lines[name] = Line(run.experts, run.network.architecture, settings, run.objective, name)
    for experts in dict.fromkeys(line.experts for line in lines.values()):
        for method in study.references:
            name = f"{selection.name}/references/{method}/M{experts}"
            lines[name] = Line(experts, "", (), method, name)
    return sorted(lines.values(), key=lambda line: line.experts)


def rows_by_line(study: Study, runs: pd.DataFrame) -> Callable[[Line, str], pd.DataFrame]:
    """Group a study's rows of runs.csv; return what finds those of a line and a split.

    A line whose every training failed has none.
    """
    seeds = {run.seed for run in study.runs}
    groups = runs[runs["seed"].isin(seeds)].groupby([CONFIGURATION, "split"])
    found = dict(list(groups))
    return lambda line, split: found.get((line.configuration, split), runs.iloc[:0])


def count_images(runs: pd.DataFrame, selection: Selection) -> int:
    """Return on how many images of a selection runs were trained: 0 if all of them failed."""
    rows = runs[(runs["selection"] == selection.name) & (runs["split"] == "train")]
    return int(rows["n"].max()) if len(rows) else 0


def explain_rows(study: Study, headings: dict[str, str]) -> str:
    """Return what stands under a table: the way from a cell to its rows of runs.csv.

    Args:
        study: whose table it is.
        headings: the table's headings, each with its column of runs.csv.
    """
    columns = ", ".join(f"{heading} = `{column}`" for heading, column in headings.items())
    seeds = _format_seeds(sorted({run.seed for run in study.runs}))
    return (
        "From a cell to its rows of [runs.csv](runs.csv): "
        f"`runs.query('{seeds}').groupby(['{CONFIGURATION}', 'split'])`, by the last "
        f"column of its line and `train`, or `test` where the heading says so. Columns: {columns}."
    )


def _format_seeds(seeds: list[int]) -> str:
    """Print a condition for `DataFrame.query`: `0 <= seed <= 9`, or all seeds one by one."""
    first, last = seeds[0], seeds[-1]
    if seeds == list(range(first, last + 1)):
        return f"{first} <= seed <= {last}"
    return f"seed in {seeds}"
