"""One table for each study: every method, and MoA+ against each other objective."""

import pandas as pd

from moaplus.plan import REFERENCES, Study
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
from moaplus.report.claims import direction

CELL = ["experts", "architecture", "method"]  # what the seeds of one row of a table share


def study_sections(study: Study, runs: pd.DataFrame) -> list[str]:
    """The study's heading, and its tables for each selection of images."""
    changes = study.runs[0].variant.removeprefix("-").replace("-", ", ")
    parts = [f"## Study `{study.name}`" + (f": {changes}" if changes else "")]
    frames = {split: study_rows(runs, study, split) for split in ("train", "test")}
    for selection in dict.fromkeys(run.selection for run in study.runs):
        train, test = (frame[frame["selection"] == selection.name] for frame in frames.values())
        parts += [title(selection, train["n"].iloc[0]) + ".", markdown(_methods(train, test))]
        comparisons = _comparisons(train)
        if comparisons:
            parts += ["MoA+ minus the other, seed by seed:", markdown(comparisons)]
    return parts


def _methods(train: pd.DataFrame, test: pd.DataFrame) -> list[dict]:
    """A row for each method at each M and architecture."""
    tests = dict(list(test.groupby(CELL)))
    several = train.loc[train["architecture"] != "", "architecture"].nunique() > 1
    table = []
    for key, rows in train.sort_values("experts", kind="stable").groupby(CELL, sort=False):
        experts, architecture, method = key
        reference = method in REFERENCES
        row = {"M": experts, "method": NAMES[method]}
        if several:
            row["experts"] = architecture
        row |= {
            "parameters": ABSENT if reference else f"{rows['parameters'].iloc[0]:,.0f}",
            "NMI": cell(rows, "nmi"),
            "NMI ceiling": f"{rows['nmi_ceiling'].iloc[0]:.3f}",
            "ACC": cell(rows, "acc"),
            "ARI": cell(rows, "ari"),
            "mixed loss": cell(rows, "mixture_error"),
            "routed loss": cell(rows, "routed_error"),
            "dominance": cell(rows, "dominance"),
            "load entropy": cell(rows, "load_entropy"),
        }
        if several:
            row["loss on noise"] = cell(rows, "noise_error")
        table.append(row | {"NMI, test": cell(tests[key], "nmi"), "seeds": len(rows)})
    return table


def _comparisons(train: pd.DataFrame) -> list[dict]:
    """A row for each objective beside which MoA+ was trained."""
    cells = dict(list(train.groupby(CELL, sort=False)))
    table = []
    for (experts, architecture, method), rows in cells.items():
        ours = cells.get((experts, architecture, "moa_plus"))
        if ours is None or method in ("moa_plus", *REFERENCES):
            continue
        row = {"M": experts, "experts": architecture, "other": NAMES[method]}
        for quantity, name in {
            "nmi": "NMI",
            "mixture_error": f"{LOSSES['mixture_error']} loss",
        }.items():
            difference = paired_difference(ours, rows, quantity)
            row[name] = difference.format(DIGITS[quantity])
            row[f"MoA+'s {name} is"] = f"**{direction(difference)}**"
        table.append(row)
    return table
