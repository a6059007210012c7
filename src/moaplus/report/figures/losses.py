"""Errors over training."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.studies import Plan
from moaplus.report.drawing import configurations
from moaplus.report.runs_table import load_curves
from moaplus.report.titles import METHODS
from moaplus.theory.intervals import estimate

READS = "record"  # of each run


def draw(plan: Plan) -> Figure:
    """Draw the error of the mixed and of the routed reconstruction over training."""
    frames = [
        load_curves(run)
        .melt("epoch", ["mixture_error", "routed_error"], "loss", "error per pixel")
        .assign(configuration=configuration, method=METHODS[run.objective])
        for configuration, runs in configurations(plan).items()
        for run in runs
    ]
    frame = pd.concat(frames, ignore_index=True)
    frame["loss"] = frame["loss"].map({"mixture_error": "mixed", "routed_error": "routed"})
    grid = sns.relplot(
        frame, x="epoch", y="error per pixel", hue="method", style="loss", col="configuration",
        col_wrap=3, kind="line", height=2.4, aspect=1.2, errorbar=_interval,
    )  # fmt: skip
    grid.set(yscale="log").set_titles("{col_name}", size=7)
    return grid.figure


def _interval(values: pd.Series) -> tuple[float, float]:
    over_seeds = estimate(values)
    return over_seeds.low, over_seeds.high
