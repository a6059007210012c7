"""One table for each selection of a study: every method, and MoA+ against each other objective."""

from collections.abc import Callable

import pandas as pd

from moaplus.plan.runs import Selection, Study
from moaplus.report.cells import Cell, cell, cells, improvement, markdown, paired_difference
from moaplus.report.claims import direction
from moaplus.report.lines import (
    CONFIGURATION,
    Line,
    count_images,
    explain_rows,
    lines_of,
    rows_by_line,
)
from moaplus.report.paper_section import format_improvement
from moaplus.report.quantities import QUANTITIES
from moaplus.report.titles import METHODS, describe_selection

COLUMNS = [c for c, quantity in QUANTITIES.items() if quantity.in_studies and c != "nmi"]
DIFFERENCES = ("nmi", "mixture_error")
TEST = "NMI, test"
OURS = ("moa_plus_views", "moa_plus")  # the first that a study has is compared with others
Rows = Callable[[Line, str], pd.DataFrame]  # of a line and a split


def study_sections(study: Study, runs: pd.DataFrame) -> list[str]:
    """Write the study's heading, and its tables for each selection of images."""
    changes = ", ".join(study.common_changes)
    parts = [f"## Study `{study.name}`" + (f": {changes}" if changes else "")]
    for selection in dict.fromkeys(run.selection for run in study.runs):
        parts += _selection_parts(study, selection, runs)
    return parts


def _selection_parts(study: Study, selection: Selection, runs: pd.DataFrame) -> list[str]:
    lines, rows_of = lines_of(study, selection), rows_by_line(study, runs)
    headings = {"NMI": "nmi", TEST: "nmi"} | {QUANTITIES[c].heading: c for c in COLUMNS}
    parts = [
        describe_selection(selection, count_images(runs, selection)) + ".",
        markdown(_methods(lines, rows_of)),
        explain_rows(study, headings),
    ]
    comparisons = _comparisons(lines, rows_of)
    if comparisons:
        ours = METHODS[_compared(lines).method]
        parts += [f"{ours} minus the other, seed by seed:", markdown(comparisons)]
    return parts


def _methods(lines: list[Line], rows_of: Rows) -> list[dict]:
    """Return a row for each line: scores and errors."""
    return [
        {"M": line.experts, "method": METHODS[line.method]}
        | _how(line, lines)
        | {"NMI": cell(rows_of(line, "train"), "nmi"), TEST: cell(rows_of(line, "test"), "nmi")}
        | cells(rows_of(line, "train"), COLUMNS)
        | {CONFIGURATION: f"`{line.configuration}`"}
        for line in lines
    ]


def _how(line: Line, lines: list[Line]) -> dict[str, str]:
    """Return how a line was trained, as far as lines differ in that."""
    trained = [other for other in lines if not other.is_reference]
    how = {}
    if len({other.architecture for other in trained}) > 1:
        how["experts"] = line.architecture
    if len({other.settings for other in trained}) > 1:
        how["settings"] = ", ".join(line.settings)
    return how


def _compared(lines: list[Line]) -> Line:
    """Return what others are compared with: MoA+ as first trained, or the first line."""
    first = {line.method: line for line in lines if line.settings == lines[0].settings}
    return next((first[method] for method in OURS if method in first), lines[0])


def _comparisons(lines: list[Line], rows_of: Rows) -> list[dict]:
    """Return a row for each other way to train."""
    compared = _compared(lines)
    ours = {
        (line.experts, line.architecture): line
        for line in lines
        if (line.method, line.settings) == (compared.method, compared.settings)
    }
    table = []
    for line in lines:
        plus = ours.get((line.experts, line.architecture))
        if plus is None or line == plus:
            continue
        row = {"M": line.experts, "other": METHODS[line.method]} | _how(line, lines)
        for column in DIFFERENCES:
            pair = rows_of(plus, "train"), rows_of(line, "train")
            difference, heading = paired_difference(*pair, column), QUANTITIES[column].heading
            row[heading] = Cell(difference, QUANTITIES[column])
            row[f"its {heading} is"] = f"**{direction(difference)}**"
            row[f"probability of improvement, {heading}"] = format_improvement(
                improvement(*pair, column)
            )
        table.append(row)
    return table
