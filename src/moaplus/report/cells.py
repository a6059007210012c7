"""The cells of the tables: which rows of runs.csv a line stands for, and how it is written."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from scipy.stats import binomtest

from moaplus.plan.references import REFERENCE_METHODS, Reference
from moaplus.plan.runs import N_CLASSES, Selection
from moaplus.plan.studies import Study
from moaplus.report.quantities import LOSSES, QUANTITIES
from moaplus.theory.intervals import Estimate, estimate, probability_of_improvement

ABSENT = ""
ROWS = "rows"  # heading of the column that selects a line's rows


@dataclass(frozen=True)
class Line:
    """A line of a table: runs that differ by nothing but their seed, or a reference method."""

    experts: int
    architecture: str
    settings: str  # in which the study's runs differ, in words
    method: str
    folder: str  # models/selection/…: that of its runs, or of the reference method

    @property
    def is_reference(self) -> bool:
        return self.method in REFERENCE_METHODS

    @property
    def query(self) -> str:
        """Selects its rows of runs.csv, of all splits and seeds."""
        return _query(self.folder, self.method, self.experts)

    @property
    def place(self) -> str:
        """What the folder of each of its rows holds, behind that of the selection."""
        part = "/" + self.folder.split("/", 2)[2]
        return code(part if self.is_reference else part + "/")


def lines_of(study: Study, selection: Selection) -> list[Line]:
    """The lines for a study's runs on one selection, and for the references beside them."""
    lines = {}
    common = set(study.common_changes)
    for run in study.runs:
        if run.selection == selection:
            folder = run.folder.parent.as_posix()
            settings = ", ".join(change for change in run.changes if change not in common)
            lines[folder] = Line(
                run.experts, run.network.architecture, settings, run.objective, folder
            )
    for experts in dict.fromkeys(line.experts for line in lines.values()):
        for method in study.references:
            folder = Reference(selection, method, ()).path.parent.as_posix()
            lines[folder, experts] = Line(experts, ABSENT, ABSENT, method, folder)
    return sorted(lines.values(), key=lambda line: line.experts)


def common_query(study: Study, split: str) -> str:
    """What all lines of a study's table have in common."""
    return f'split == "{split}" and seed in {sorted({run.seed for run in study.runs})}'


def rows_in_words(study: Study, selection: Selection, headings: dict[str, str]) -> str:
    """Under a table: from a cell to its rows of runs.csv.

    Args:
        study: whose table it is.
        selection: the images that it is of.
        headings: the table's headings, each with its column of runs.csv.
    """
    columns = ", ".join(f"{heading} = `{column}`" for heading, column in headings.items())
    return (
        "From a cell to its rows of [runs.csv](runs.csv), with M and the last column of its line: "
        f'`runs.query(\'selection == "{selection.name}" and experts == M and '
        f"folder.str.contains(ROWS, regex=False) and {common_query(study, 'train')}')`, with "
        f"`test` where the heading says so. Columns: {columns}."
    )


def cell(rows: pd.DataFrame, column: str) -> str:
    """Mean over seeds with its interval and their number; empty where it does not apply."""
    quantity, values = QUANTITIES[column], rows[column].dropna()
    if values.empty:
        return ABSENT
    if quantity.constant:
        return f"{values.iloc[0]:.{quantity.digits}f}"
    return estimate_text(mean_of(rows, column), column)


def mean_of(rows: pd.DataFrame, column: str) -> Estimate:
    """Mean over seeds with its interval, which ends where the quantity does."""
    return estimate(rows[column].dropna()).within(*QUANTITIES[column].range)


def cells(rows: pd.DataFrame, columns: Iterable[str]) -> dict[str, str]:
    """Cells under the headings of their quantities."""
    return {QUANTITIES[column].heading: cell(rows, column) for column in columns}


def query_of(rows: pd.DataFrame) -> str:
    """The query of a line, from its rows: of one configuration, or of one reference method."""
    folder, method = rows["folder"].iloc[0], rows["method"].iloc[0]
    reference = method in REFERENCE_METHODS
    experts = rows["experts"].iloc[0]
    return _query(folder if reference else folder.rpartition("/")[0], method, experts)


def _query(folder: str, method: str, experts: int) -> str:
    if method in REFERENCE_METHODS:
        return f'folder == "{folder}" and experts == {experts}'
    return f'folder.str.startswith("{folder}/")'


def code(query: str) -> str:
    """A query in Markdown."""
    return f"`{query}`"


def markdown(rows: list[dict]) -> str:
    """A table in Markdown; bars inside a cell are escaped."""
    cells = [{_escape(key): _escape(value) for key, value in row.items()} for row in rows]
    return pd.DataFrame(cells).to_markdown(index=False, disable_numparse=True)


def _escape(value: object) -> str:
    return str(value).replace("|", "\\|")


def title(selection: Selection, n: int) -> str:
    """The selection in words."""
    ten = len(selection.classes) == N_CLASSES
    classes = "all ten classes" if ten else "classes " + ", ".join(map(str, selection.classes))
    kind = "all of their" if selection.images is None else "a stratified subset of"
    return f"{selection.dataset}, {classes}, {kind} {n:,} training images"


def images_in_short(selection: Selection) -> str:
    """The selection in a few words: `digits 0 and 1`, `all ten digits, 12,665 images`."""
    things = "digits" if selection.dataset == "mnist" else f"classes of {selection.dataset},"
    if len(selection.classes) == N_CLASSES:
        words = f"all ten {things}".rstrip(",")
    else:
        *first, last = map(str, selection.classes)
        words = f"{things} " + (f"{', '.join(first)} and {last}" if first else last)
    return words if selection.images is None else f"{words}, {selection.images:,} images"


def share(holds: Iterable[bool]) -> str:
    """Count and share with Wilson's 95 % interval: `12 of 96: 0.12 [0.07, 0.21]`."""
    holds = list(holds)
    test = binomtest(sum(holds), len(holds))
    low, high = test.proportion_ci(method="wilson")
    return f"{sum(holds)} of {len(holds)}: {test.statistic:.2f} [{low:.2f}, {high:.2f}]"


def improvement(first: pd.DataFrame, second: pd.DataFrame, column: str) -> str:
    """Probability that a run of the first is better: of higher score, or of lower loss."""
    ours, theirs = first[column].to_numpy(), second[column].to_numpy()
    if column in LOSSES:
        ours, theirs = -ours, -theirs
    return f"{probability_of_improvement(ours, theirs):.2f}"


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, column: str) -> Estimate:
    """Mean over seeds of first minus second; runs of one seed share first weights and batches."""
    pairs = first.merge(second, on="seed", suffixes=("_first", "_second"), validate="1:1")
    low, high = QUANTITIES[column].range
    change = estimate(pairs[f"{column}_first"] - pairs[f"{column}_second"])
    return change.within(low - high, high - low)


def estimate_text(mean: Estimate, column: str) -> str:
    """A mean of a quantity or of its differences: `0.81 [0.78, 0.84] (10)`."""
    return mean.format(QUANTITIES[column].digits)
