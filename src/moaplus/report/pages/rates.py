"""Each method at its own learning rate: the rule is in docs/studies.md."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.runs import Run, Selection, Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import cells, markdown
from moaplus.report.drawing import draw_means, ticks
from moaplus.report.paper_section import rule, verdict_lines
from moaplus.report.quantities import QUANTITIES
from moaplus.report.titles import METHODS, format_images
from moaplus.report.tuning import at_an_end, mean_objectives

NEEDS = {
    "rates": {
        "differ": ["dataset", "classes", "images", "objective", "learning_rate"],
        "vary": ["learning_rate"],
        "objectives": ["moa", "moa_plus"],
        "experts": 2,
        "seeds_from": 100,
    }
}

RATE = "learning_rate"
CHOOSING = NEEDS["rates"]["seeds_from"]  # seeds from here on choose, those below score


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Write the choice, its outcome beside that of one rate for both, and the paper's claims."""
    found = runs[runs["split"] == "train"]
    own = own_rates(found)
    common = plan.settings.training.learning_rate
    chosen = [run for run in study.runs if _is_scored(run, own)]
    return [
        "## Each method at its own learning rate",
        f"The rate of a method is that with the least mean of its own objective over the seeds "
        f"from {CHOOSING} on; labels choose nothing. What each rate gives its objective:",
        markdown(_choice(found, own)),
        at_an_end(
            (f"{METHODS[method]} on `{selection}`", rate, found[RATE])
            for (selection, method), rate in own.items()
        ),
        f"Both methods at {common:g}, the rate of all other tables, and each at its own; seeds "
        f"below {CHOOSING}, training images:",
        markdown(_beside_the_common(study, found, own, common)),
        "The paper's claims, each method at its own rate:",
        markdown(verdict_lines(Study(study.name, tuple(chosen), ()), runs)),
        *rule(),
    ]


def own_rates(found: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the rate of least objective by selection and method, of those that never diverge."""
    means = _objectives(found)
    return {key: float(row.idxmin()) for key, row in means.iterrows()}


def _objectives(found: pd.DataFrame) -> pd.DataFrame:
    """Return the mean objective of the choosing seeds, by selection and method (rows) and rate."""
    choosing = found[found["seed"] >= CHOOSING]
    return mean_objectives(choosing, ["selection", "method", RATE])


def _is_scored(run: Run, own: dict[tuple[str, str], float]) -> bool:
    rate = own.get((run.selection.name, run.objective))
    return run.seed < CHOOSING and run.training.learning_rate == rate


def _choice(found: pd.DataFrame, own: dict[tuple[str, str], float]) -> list[dict]:
    table = []
    for (selection, method), row in _objectives(found).iterrows():
        marks = {rate: "**" if rate == own[selection, method] else "" for rate in row.index}
        table.append(
            {"images": f"`{selection}`", "method": METHODS[method]}
            | {f"{rate:g}": f"{marks[rate]}{value:.5f}{marks[rate]}" for rate, value in row.items()}
        )
    return table


def _beside_the_common(
    study: Study, found: pd.DataFrame, own: dict[tuple[str, str], float], common: float
) -> list[dict]:
    scored = found[found["seed"] < CHOOSING]
    selections: dict[str, Selection] = {run.selection.name: run.selection for run in study.runs}
    table = []
    for (selection, method), rate in own.items():
        for name, each in (("one for both", common), ("its own", rate)):
            rows = scored[
                (scored["selection"] == selection)
                & (scored["method"] == method)
                & (scored[RATE] == each)
            ]
            table.append(
                {"images": format_images(selections[selection]), "method": METHODS[method]}
                | {"rate": f"{name}: {each:g}"}
                | cells(rows, ("nmi", "mixture_error", "routed_error"))
            )
    return table


def draw(study: Study, runs: pd.DataFrame) -> Figure:
    """Draw objective, NMI and loss by learning rate, with 95 % intervals; dots: the rate chosen."""
    found = runs[runs["split"] == "train"]
    own, panels = own_rates(found), ("objective", "nmi", "mixture_error")
    selections = found["selection"].unique()
    names = {run.selection.name: run.selection for run in study.runs}
    figure, axes = plt.subplots(
        len(selections), len(panels), squeeze=False, layout="constrained",
        figsize=(9, 2.6 * len(selections)),
    )  # fmt: skip
    for row, selection in zip(axes, selections, strict=True):
        for axis, column in zip(row, panels, strict=True):
            part = found[found["selection"] == selection]
            seeds = part["seed"] >= CHOOSING if column == "objective" else part["seed"] < CHOOSING
            for method in PAPER_MODELS:
                rows = part[seeds & (part["method"] == method)]
                means = draw_means(axis, rows, RATE, column, METHODS[method])
                rate = own[selection, method]
                axis.plot(rate, means[rate], "o", color=axis.lines[-1].get_color())
            axis.set(
                xscale="log",
                yscale="linear" if column == "nmi" else "log",
                xlabel="learning rate",
                ylabel=QUANTITIES[column].heading,
                title=format_images(names[selection]),
            )
            ticks(axis, part[RATE])
    axes[0, 0].legend()
    sns.despine(figure)
    return figure
