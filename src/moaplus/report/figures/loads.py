"""Loads of the experts over training."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.studies import Plan
from moaplus.report.drawing import configurations
from moaplus.report.rows import read_history
from moaplus.report.titles import METHODS


def draw(plan: Plan) -> Figure:
    """Loads of the experts over training, from the largest to the smallest, mean over seeds."""
    frames = []
    for configuration, runs in configurations(plan).items():
        for run in runs:
            history = read_history(run)
            columns = [f"load_{k}" for k in range(run.experts)]
            ranked = -np.sort(-history[columns].to_numpy(), axis=1)
            frame = pd.DataFrame(ranked, columns=range(1, run.experts + 1))
            frame.insert(0, "epoch", history["epoch"])
            frame = frame.melt("epoch", var_name="rank", value_name="load")
            frames.append(frame.assign(configuration=configuration, method=METHODS[run.objective]))
    grid = sns.relplot(
        pd.concat(frames, ignore_index=True), x="epoch", y="load", hue="rank", palette="viridis",
        legend="full",
        row="method", col="configuration", kind="line", errorbar=None, height=2, aspect=1.1,
    )  # fmt: skip
    grid.set(ylim=(-0.02, 1.02)).set_titles("{row_name}\n{col_name}", size=7)
    return grid.figure
