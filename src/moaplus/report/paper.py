"""The paper's table beside ours, with a verdict on each of its figures."""

import pandas as pd

from moaplus.plan import REFERENCES, SPLITS, Selection, Study
from moaplus.report.cells import (
    ABSENT,
    DIGITS,
    LOSSES,
    NAMES,
    cell,
    markdown,
    paired_difference,
    study_rows,
    title,
)
from moaplus.report.claims import (
    PAPER_COMPARISONS,
    PAPER_FIGURES,
    RULE,
    comparison_verdict,
    figure_verdict,
)
from moaplus.report.statistics import estimate


def paper_sections(study: Study, runs: pd.DataFrame) -> list[str]:
    """The paper's table beside ours, verdicts on its figures, and the rule of the verdicts."""
    parts = [
        "## The paper's table beside ours",
        'The paper says only "MNIST, M = 2": it names neither the classes nor the number of '
        "images, so both readings are run.",
    ]
    for selection, experts in dict.fromkeys((run.selection, run.experts) for run in study.runs):
        parts += _paper_reading(study, runs, selection, experts)
    return [*parts, "### The rule of the verdicts", RULE]


def _paper_reading(
    study: Study, runs: pd.DataFrame, selection: Selection, experts: int
) -> list[str]:
    frames = {split: study_rows(runs, study, split) for split in SPLITS}

    def rows(method: str, split: str) -> pd.DataFrame:
        key = {"selection": selection.name, "experts": experts, "method": method}
        return frames[split][(frames[split][list(key)] == pd.Series(key)).all(axis=1)]

    claimed = {(figure.method, figure.quantity): figure.value for figure in PAPER_FIGURES}
    table = []
    methods = [*dict.fromkeys(run.objective for run in study.runs), *REFERENCES]
    for method in methods:
        train, test = rows(method, "train"), rows(method, "test")
        table.append(
            {
                "method": NAMES[method],
                "paper NMI": claimed.get((method, "nmi"), ABSENT),
                "NMI": cell(train, "nmi"),
                "NMI, test": cell(test, "nmi"),
                "NMI ceiling": f"{train['nmi_ceiling'].iloc[0]:.3f}",
                "paper loss": claimed.get((method, "loss"), ABSENT),
                "mixed loss": cell(train, "mixture_error"),
                "routed loss": cell(train, "routed_error"),
                "mixed loss, test": cell(test, "mixture_error"),
                "seeds": len(train),
            }
        )
    n = rows(methods[0], "train")["n"].iloc[0]
    return [
        f"### M = {experts}: {title(selection, n)}",
        markdown(table),
        markdown(_verdicts(rows)),
    ]


def _verdicts(rows) -> list[dict]:
    """A row for each figure and each comparison that the paper prints, on the training images."""
    table = []
    for figure in PAPER_FIGURES:
        for quantity, kind in _quantities(figure.quantity).items():
            measured = estimate(rows(figure.method, "train")[quantity])
            table.append(
                {
                    "claim": f"{kind} of {NAMES[figure.method]}",
                    "paper": f"{figure.value}",
                    "ours": measured.format(DIGITS[quantity]),
                    "verdict": f"**{figure_verdict(figure, measured)}**",
                }
            )
    for claimed, sign in PAPER_COMPARISONS.items():
        for quantity, kind in _quantities(claimed).items():
            ours, standard = rows("moa_plus", "train"), rows("moa", "train")
            difference = paired_difference(ours, standard, quantity)
            table.append(
                {
                    "claim": f"{kind}: MoA+ {'higher' if sign > 0 else 'lower'} than MoA",
                    "paper": "difference " + ("> 0" if sign > 0 else "< 0"),
                    "ours": difference.format(DIGITS[quantity]),
                    "verdict": f"**{comparison_verdict(sign, difference)}**",
                }
            )
    return table


def _quantities(claimed: str) -> dict[str, str]:
    if claimed == "nmi":
        return {"nmi": "NMI"}
    return {quantity: f"{kind.capitalize()} loss" for quantity, kind in LOSSES.items()}
