"""The paper's table beside ours, with a verdict on each of its figures."""

import pandas as pd

from moaplus.plan.runs import Selection
from moaplus.plan.studies import Study
from moaplus.report.cells import (
    ABSENT,
    ROWS,
    Line,
    cell,
    code,
    common_query,
    difference_text,
    lines_of,
    markdown,
    paired_difference,
    rows_in_words,
    title,
)
from moaplus.report.claims import (
    PAPER_COMPARISONS,
    PAPER_FIGURES,
    RULE,
    comparison_verdict,
    figure_verdict,
)
from moaplus.report.quantities import LOSSES, QUANTITIES
from moaplus.report.titles import METHODS
from moaplus.theory.intervals import estimate

HEADINGS = {  # of the table beside the paper's, with their columns of runs.csv
    "NMI": "nmi",
    "NMI, test": "nmi",
    "NMI ceiling": "nmi_ceiling",
    "mixed loss": "mixture_error",
    "routed loss": "routed_error",
    "mixed loss, test": "mixture_error",
}


def paper_sections(study: Study, runs: pd.DataFrame) -> list[str]:
    """The paper's table beside ours, verdicts on its figures, and the rule of the verdicts."""
    parts = [
        "## The paper's table beside ours",
        'The paper says only "MNIST, M = 2": it names neither the classes nor the number of '
        "images, so both readings are run.",
    ]
    for selection in dict.fromkeys(run.selection for run in study.runs):
        lines = lines_of(study, selection)
        for experts in dict.fromkeys(line.experts for line in lines):
            chosen = [line for line in lines if line.experts == experts]
            parts += _paper_reading(study, runs, selection, chosen)
    return [*parts, "### The rule of the verdicts", RULE]


def _paper_reading(
    study: Study, runs: pd.DataFrame, selection: Selection, lines: list[Line]
) -> list[str]:
    train, test = (runs.query(common_query(study, split)) for split in ("train", "test"))
    claimed = {(figure.method, figure.quantity): figure.value for figure in PAPER_FIGURES}
    table = []
    for line in lines:
        of = {"train": train.query(line.query), "test": test.query(line.query)}
        table.append(
            {
                "method": METHODS[line.method],
                "paper NMI": claimed.get((line.method, "nmi"), ABSENT),
                "paper loss": claimed.get((line.method, "loss"), ABSENT),
            }
            | {
                heading: cell(of["test" if heading.endswith(", test") else "train"], column)
                for heading, column in HEADINGS.items()
            }
            | {"seeds": len(of["train"]), ROWS: code(line.query)}
        )
    n = train.query(lines[0].query)["n"].iloc[0]
    return [
        f"### M = {lines[0].experts}: {title(selection, n)}",
        markdown(table),
        rows_in_words(study, HEADINGS),
        markdown(_verdicts({line.method: line.query for line in lines}, train)),
    ]


def _verdicts(queries: dict[str, str], train: pd.DataFrame) -> list[dict]:
    """A row for each figure and each comparison that the paper prints, on the training images."""
    table = []
    for figure in PAPER_FIGURES:
        query = queries[figure.method]
        for column in _columns(figure.quantity):
            measured = estimate(train.query(query)[column])
            table.append(
                {
                    "claim": f"{_name(column)} of {METHODS[figure.method]}",
                    "paper": f"{figure.value}",
                    "ours": difference_text(measured, column),
                    "verdict": f"**{figure_verdict(figure, measured)}**",
                    ROWS: code(query),
                }
            )
    ours, standard = queries["moa_plus"], queries["moa"]
    for claimed, sign in PAPER_COMPARISONS.items():
        for column in _columns(claimed):
            difference = paired_difference(train.query(ours), train.query(standard), column)
            table.append(
                {
                    "claim": f"{_name(column)}: MoA+ {'higher' if sign > 0 else 'lower'} than MoA",
                    "paper": "difference " + ("> 0" if sign > 0 else "< 0"),
                    "ours": difference_text(difference, column),
                    "verdict": f"**{comparison_verdict(sign, difference)}**",
                    ROWS: f"{code(ours)} minus {code(standard)}",
                }
            )
    return table


def _columns(claimed: str) -> tuple[str, ...]:
    """The columns that a quantity of the paper may mean."""
    return ("nmi",) if claimed == "nmi" else LOSSES


def _name(column: str) -> str:
    heading = QUANTITIES[column].heading
    return heading[0].upper() + heading[1:]
