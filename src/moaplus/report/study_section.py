"""One table for each selection of a study: every method, and MoA+ against each other objective."""

from collections.abc import Callable

import pandas as pd

from moaplus.plan.params import MarginsBlock
from moaplus.plan.runs import Selection, Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import (
    Cell,
    cell,
    cells,
    format_p,
    improvement,
    markdown,
    paired,
    paired_difference,
)
from moaplus.report.claims import compare, format_verdict
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
from moaplus.theory.intervals import holm, p_value

COLUMNS = [c for c, quantity in QUANTITIES.items() if quantity.in_studies and c != "nmi"]
TEST = "NMI, test"
OURS = ("moa_plus_views", "moa_plus")  # the first that a study has is compared with others
Rows = Callable[[Line, str], pd.DataFrame]  # of a line and a split


def study_sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Write the study's heading, and its tables for each selection of images."""
    margins = plan.params.margins
    changes = ", ".join(study.common_changes)
    parts = [f"## Study `{study.name}`" + (f": {changes}" if changes else "")]
    for selection in dict.fromkeys(run.selection for run in study.runs):
        parts += _selection_parts(study, selection, runs, margins)
    return parts


def _selection_parts(
    study: Study, selection: Selection, runs: pd.DataFrame, margins: MarginsBlock
) -> list[str]:
    lines, rows_of = lines_of(study, selection), rows_by_line(study, runs)
    headings = {"NMI": "nmi", TEST: "nmi"} | {QUANTITIES[c].heading: c for c in COLUMNS}
    parts = [
        describe_selection(selection, count_images(runs, selection)) + ".",
        markdown(_methods(lines, rows_of)),
        explain_rows(study, headings),
    ]
    comparisons = _comparisons(lines, rows_of, margins)
    if comparisons:
        ours = METHODS[_compared(lines).method]
        parts += [
            f"{ours} minus the other, seed by seed. *Equivalent* is a difference whose interval "
            f"lies within ±{margins.nmi:g} of NMI, ±{margins.loss:g} of loss "
            "(docs/verdicts.md); p-values are corrected by Holm's method over "
            "the lines of this table.",
            markdown(comparisons),
        ]
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


def _comparisons(lines: list[Line], rows_of: Rows, margins: MarginsBlock) -> list[dict]:
    """Return a row for each other way to train."""
    compared = _compared(lines)
    ours = {
        (line.experts, line.architecture): line
        for line in lines
        if (line.method, line.settings) == (compared.method, compared.settings)
    }
    pairs = [
        (plus, line)
        for line in lines
        if (plus := ours.get((line.experts, line.architecture))) and line != plus
    ]
    table = [
        {"M": line.experts, "other": METHODS[line.method]} | _how(line, lines) for _, line in pairs
    ]
    for column, margin in {"nmi": margins.nmi, "mixture_error": margins.loss}.items():
        quantity = QUANTITIES[column]
        both = [tuple(rows_of(line, "train") for line in pair) for pair in pairs]
        adjusted = holm([p_value(paired(*rows, column)) for rows in both])
        for row, rows, p in zip(table, both, adjusted, strict=True):
            difference = paired_difference(*rows, column)
            row[quantity.heading] = Cell(difference, quantity)
            verdict = format_verdict(compare(difference, margin))
            row[f"its {quantity.heading} is"] = f"**{verdict}**"
            row[f"p by Holm, {quantity.heading}"] = format_p(p)
            row[f"probability of improvement, {quantity.heading}"] = format_improvement(
                improvement(*rows, column)
            )
    return table
