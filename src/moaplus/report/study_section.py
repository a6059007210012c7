"""One table for each selection of a study: every method, and MoA+ against each other objective."""

import pandas as pd

from moaplus.plan.runs import Selection
from moaplus.plan.studies import Study
from moaplus.report.cells import (
    ROWS,
    Line,
    cell,
    cells,
    common_query,
    estimate_text,
    improvement,
    lines_of,
    markdown,
    paired_difference,
    rows_in_words,
    title,
)
from moaplus.report.claims import direction
from moaplus.report.quantities import QUANTITIES
from moaplus.report.titles import METHODS

SHOWN = [c for c, quantity in QUANTITIES.items() if quantity.in_studies and c != "nmi"]
DIFFERENCES = ("nmi", "mixture_error")
TEST = "NMI, test"
OURS = ("moa_plus_views", "moa_plus")  # the first that a study has is compared with others


def study_sections(study: Study, runs: pd.DataFrame) -> list[str]:
    """The study's heading, and its tables for each selection of images."""
    changes = ", ".join(study.common_changes)
    parts = [f"## Study `{study.name}`" + (f": {changes}" if changes else "")]
    for selection in dict.fromkeys(run.selection for run in study.runs):
        parts += _selection_parts(study, selection, runs)
    return parts


def _selection_parts(study: Study, selection: Selection, runs: pd.DataFrame) -> list[str]:
    train, test = (runs.query(common_query(study, split)) for split in ("train", "test"))
    lines = lines_of(study, selection)
    headings = {"NMI": "nmi", TEST: "nmi"} | {QUANTITIES[c].heading: c for c in SHOWN}
    parts = [
        title(selection, train.query(lines[0].query)["n"].iloc[0]) + ".",
        markdown(_methods(lines, train, test)),
        rows_in_words(study, selection, headings),
    ]
    comparisons = _comparisons(lines, train)
    if comparisons:
        ours = METHODS[_compared(lines).method]
        parts += [f"{ours} minus the other, seed by seed:", markdown(comparisons)]
    return parts


def _methods(lines: list[Line], train: pd.DataFrame, test: pd.DataFrame) -> list[dict]:
    how = _how(lines)
    table = []
    for line in lines:
        rows = train.query(line.query)
        table.append(
            {"M": line.experts, "method": METHODS[line.method]}
            | {heading: getattr(line, field) for heading, field in how.items()}
            | {"NMI": cell(rows, "nmi"), TEST: cell(test.query(line.query), "nmi")}
            | cells(rows, SHOWN)
            | {ROWS: line.place}
        )
    return table


def _how(lines: list[Line]) -> dict[str, str]:
    """Headings that say how lines were trained, where they differ: heading -> field of a line."""
    trained = [line for line in lines if not line.is_reference]
    return {
        heading: field
        for heading, field in (("experts", "architecture"), ("settings", "settings"))
        if len({getattr(line, field) for line in trained}) > 1
    }


def _compared(lines: list[Line]) -> Line:
    """The line that others are compared with: MoA+ as the study first trains it, or its first."""
    first = {line.method: line for line in lines if line.settings == lines[0].settings}
    return next((first[method] for method in OURS if method in first), lines[0])


def _comparisons(lines: list[Line], train: pd.DataFrame) -> list[dict]:
    """A row for each other way to train."""
    compared, how = _compared(lines), _how(lines)
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
        row = {"M": line.experts, "other": METHODS[line.method]}
        row |= {heading: getattr(line, field) for heading, field in how.items()}
        for column in DIFFERENCES:
            difference = paired_difference(train.query(plus.query), train.query(line.query), column)
            heading = QUANTITIES[column].heading
            row[heading] = estimate_text(difference, column)
            row[f"its {heading} is"] = f"**{direction(difference)}**"
            row[f"probability of improvement, {heading}"] = improvement(
                train.query(plus.query), train.query(line.query), column
            )
        table.append(row)
    return table
