"""How far |s| is from the paper's bound on random batches."""

import seaborn as sns
from matplotlib.figure import Figure

from moaplus.audit.section import read_probe
from moaplus.plan.studies import Plan
from moaplus.report.drawing import ticks

STATISTICS = {"median_paper_ratio": "median", "worst_paper_ratio": "worst"}


def draw(plan: Plan) -> Figure:
    """Median and worst |s| over the paper's bound, by kind of P and e."""
    rows = read_probe("random_batches")
    rows = rows.melt(
        ["experts", "concentrations", "errors"],
        list(STATISTICS),
        "statistic",
        "|s| / paper's bound",
    )
    rows["statistic"] = rows["statistic"].map(STATISTICS)
    grid = sns.relplot(
        rows, x="experts", y="|s| / paper's bound", hue="concentrations", style="statistic",
        markers=True, col="errors", kind="line", height=3, aspect=1.3,
    )  # fmt: skip
    grid.set(yscale="log", xscale="log")
    for axis in grid.axes.flat:
        ticks(axis, rows["experts"])
    grid.refline(y=1)
    return grid.set_titles("{col_name}").figure
