"""Which classes each cluster holds."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.data.images import load_labels
from moaplus.plan.studies import Plan
from moaplus.report.drawing import configurations, first_seeds
from moaplus.report.titles import METHODS
from moaplus.runs.folder import load_concentrations

READS = "concentrations"  # of each run
COLUMNS = 2


def draw(plan: Plan) -> Figure:
    """Draw the share of each class's training images in each cluster, first seed."""
    shown = [
        (f"{METHODS[run.objective]}: {configuration}", run)
        for configuration, runs in configurations(plan).items()
        for run in first_seeds(runs)
    ]
    rows = -(-len(shown) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, squeeze=False, figsize=(4.2 * COLUMNS, 2.4 * rows))
    for axis in axes.flat[len(shown) :]:
        axis.remove()
    for axis, (name, run) in zip(axes.flat, shown, strict=False):
        table = pd.crosstab(
            load_concentrations(run)["train_concentrations"].argmax(axis=1) + 1,
            load_labels(run.selection)["train"],
            normalize="columns",
        ).reindex(range(1, run.experts + 1), fill_value=0)
        sns.heatmap(
            table, ax=axis, vmin=0, vmax=1, cmap="rocket_r", annot=True, fmt=".0%",
            annot_kws={"size": 5}, cbar=False,
        )  # fmt: skip
        axis.set(xlabel="class", ylabel="cluster")
        axis.set_title(name, size=7)
    figure.set_layout_engine("constrained")  # at the end, as each heat map draws the whole figure
    return figure
