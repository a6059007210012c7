"""Loads of the experts over training."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.runs import Run
from moaplus.plan.studies import Plan
from moaplus.report.drawing import configurations
from moaplus.report.runs_table import load_curves
from moaplus.report.titles import METHODS

READS = "record"  # of each run
RANKS = ("largest load", "second", "third", "fourth", "each other")


def draw(plan: Plan) -> Figure:
    """Draw loads of the experts over training, the largest first, mean over seeds."""
    frames = [
        _loads(run).assign(panel=f"{METHODS[run.objective]}\n{configuration}")
        for configuration, runs in configurations(plan).items()
        for run in runs
    ]
    means = pd.concat(frames).groupby(["panel", "epoch", "rank"], sort=False, as_index=False)
    means = means["load"].mean()
    means["expert"] = [RANKS[min(rank, len(RANKS)) - 1] for rank in means["rank"]]
    grid = sns.relplot(
        means, x="epoch", y="load", hue="expert", hue_order=RANKS, units="rank",
        estimator=None, col="panel", col_wrap=4, kind="line", height=2, aspect=1.1,
        facet_kws={"ylim": (-0.02, 1.02)},
    )  # fmt: skip
    for axis in grid.axes.flat:
        axis.label_outer()
    return grid.set_titles("{col_name}", size=7).figure


def _loads(run: Run) -> pd.DataFrame:
    """Return a row for each epoch and rank."""
    curves = load_curves(run)
    columns = [f"load_{k}" for k in range(run.experts)]
    ranked = -np.sort(-curves[columns].to_numpy(), axis=1)
    frame = pd.DataFrame(ranked, columns=range(1, run.experts + 1))
    frame.insert(0, "epoch", curves["epoch"])
    return frame.melt("epoch", var_name="rank", value_name="load")
