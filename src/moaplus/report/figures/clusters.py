"""Which classes each cluster holds."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.data.images import load_labels
from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.studies import Plan
from moaplus.report.drawing import configurations
from moaplus.report.titles import METHODS
from moaplus.runs.evaluated import load_concentrations


def draw(plan: Plan) -> Figure:
    """Share of each class's training images in each cluster, first seed."""
    groups = configurations(plan)
    figure, axes = plt.subplots(
        len(groups), len(PAPER_MODELS), squeeze=False, layout="constrained",
        figsize=(4.2 * len(PAPER_MODELS), 2.4 * len(groups)),
    )  # fmt: skip
    for row, (configuration, runs) in zip(axes, groups.items(), strict=True):
        for objective, axis in zip(PAPER_MODELS, row, strict=True):
            run = next((run for run in runs if run.objective == objective), None)
            if run is None:
                axis.set_axis_off()
                continue
            arrays = load_concentrations(run)
            table = pd.crosstab(
                arrays["train_concentrations"].argmax(axis=1) + 1,
                load_labels(run.selection)["train"],
                normalize="columns",
            ).reindex(range(1, run.experts + 1), fill_value=0)
            sns.heatmap(
                table, ax=axis, vmin=0, vmax=1, cmap="rocket_r", annot=True, fmt=".0%",
                annot_kws={"size": 5}, cbar=False,
            )  # fmt: skip
            axis.set(xlabel="class", ylabel="cluster")
            axis.set_title(f"{METHODS[run.objective]}: {configuration}", size=7)
    return figure
