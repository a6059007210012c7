"""The ratio of |s| to its bounds along training."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.audit.section import MOA_PLUS
from moaplus.plan.studies import Plan
from moaplus.report.runs_table import load_curves, trained_runs
from moaplus.report.titles import METHODS


def draw(plan: Plan) -> Figure:
    """Draw |s| over the paper's bound, and share of steps with s < 0, by epoch."""
    frames = []
    for run in trained_runs(plan):
        if run.objective in MOA_PLUS and run.experts in (2, 10):
            curves = load_curves(run)
            frames.append(
                pd.DataFrame(
                    {
                        "epoch": curves["epoch"],
                        "|s| / paper's bound": curves["paper_ratio"],
                        "|s| / Frobenius bound": curves["frobenius_ratio"],
                        "share of s < 0": curves["negative"] / curves["steps"],
                        "cond Γ": curves["condition"],
                        "objective": METHODS[run.objective],
                        "M": run.experts,
                    }
                )
            )
    figure, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained")
    quantities = ("|s| / paper's bound", "|s| / Frobenius bound", "share of s < 0", "cond Γ")
    for axis, name in zip(axes, quantities, strict=True):
        if frames:
            sns.lineplot(
                pd.concat(frames, ignore_index=True), x="epoch", y=name, hue="objective",
                style="M", ax=axis, seed=0, legend="auto" if name == "cond Γ" else False,
            )  # fmt: skip
        axis.set(title=name, ylabel="", yscale="log" if name == "cond Γ" else "linear")
    if frames:
        sns.move_legend(axes[-1], "upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure
