"""All pairs of classes: MoA+ beside methods that need no mixture."""

import math

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.runs import N_CLASSES, Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.titles import METHODS

NEEDS = {
    "pairs": {
        "differ": ["classes"],
        "one_way": True,
        "classes": 2,
        "experts": 2,
        "references": ["kmeans"],
    }
}

DIGITS = 3
GOOD = 0.9  # NMI
COLUMNS = 3  # panels of the figure side by side


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Write on how many pairs MoA+ wins, and NMI on each."""
    means = nmi_of_pairs(study, runs)
    by_seed = [nmi_of_pairs(study, part) for _, part in runs.groupby("seed")]
    ours, seeds = _ours(study), len(by_seed)
    won = [
        {
            "method": METHODS[method],
            "against": METHODS[other],
            "pairs won": _count(means[method] > means[other]),
            "by seed": ", ".join(str((one[method] > one[other]).sum()) for one in by_seed),
            "median NMI, method": f"{means[method].median():.{DIGITS}f}",
            "median NMI, the other": f"{means[other].median():.{DIGITS}f}",
        }
        for method in ours
        for other in means
        if other not in ours
    ]
    good = [
        {
            "method": METHODS[method],
            f"pairs with NMI ≥ {GOOD:g}": _count(means[method] >= GOOD),
            "by seed": ", ".join(str((one[method] >= GOOD).sum()) for one in by_seed),
        }
        for method in means
    ]
    each = [
        {"pair": f"{first}, {second}"}
        | {METHODS[method]: f"{value:.{DIGITS}f}" for method, value in row.items()}
        for (first, second), row in means.iterrows()
    ]
    return [
        f"## All {len(means)} pairs",
        f"NMI on the training images, M = 2, means over {seeds} seeds. A pair is won if the mean "
        "is larger. These are all pairs that there are, so a share of them has no sampling error; "
        "what varies is the seed, and the counts of each seed stand beside.",
        markdown(won),
        markdown(good),
        f"![NMI of every pair, by method; MoA+ against k-means]({study.name}.png)",
        markdown(each),
    ]


def _count(holds: pd.Series) -> str:
    return f"{holds.sum()} of {len(holds)}"


def _ours(study: Study) -> list[str]:
    """Return the methods that the study trains, in its order."""
    return list(dict.fromkeys(run.objective for run in study.runs))


def nmi_of_pairs(study: Study, runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean NMI over seeds: a row for each pair of classes, a column for each method."""
    classes = {run.selection.name: run.selection.classes for run in study.runs}
    train = runs[runs["split"] == "train"]
    means = train.pivot_table("nmi", "selection", "method", sort=False)
    means.index = pd.MultiIndex.from_tuples([classes[name] for name in means.index])
    return means.sort_index()


def draw(study: Study, runs: pd.DataFrame) -> Figure:
    """Draw NMI of every pair: a heat map for each method, and MoA+ against k-means."""
    means = nmi_of_pairs(study, runs)
    rows = math.ceil((len(means.columns) + 1) / COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, layout="constrained", figsize=(9, 3 * rows))
    *maps, last = grid.flat[: len(means.columns) + 1]
    for unused in grid.flat[len(means.columns) + 1 :]:
        unused.remove()
    digits = range(N_CLASSES)
    for axis, method in zip(maps, means, strict=True):
        square = means[method].unstack().reindex(index=digits, columns=digits)
        sns.heatmap(
            square.fillna(square.T), vmin=0, vmax=1, square=True, cmap="viridis", ax=axis,
            cbar=False,
        )  # fmt: skip
        axis.set(title=METHODS[method], xlabel="", ylabel="")
        axis.grid(visible=False)
    figure.colorbar(maps[0].collections[0], ax=list(grid[:, -1]), label="NMI")
    last.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    for method in _ours(study):
        last.scatter(means["kmeans"], means[method], s=10, label=METHODS[method])
    last.set(xlabel=f"NMI, {METHODS['kmeans']}", ylabel="NMI, MoA+", aspect="equal")
    last.legend(loc="lower right")
    return figure
