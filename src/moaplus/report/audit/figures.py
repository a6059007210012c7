"""The figures of results/audit.md."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moaplus.plan import AUDIT_FIGURE_NAMES, Plan
from moaplus.report.audit.section import read_probe, read_simulation
from moaplus.report.cells import NAMES
from moaplus.report.figures import draw_reconstructions, first_seeds
from moaplus.report.runs import read_history


def bounds(plan: Plan) -> Figure:
    """Median and worst |s| over the paper's bound, by kind of P and e."""
    rows = read_probe("bounds")
    rows = rows.melt(
        ["experts", "concentrations", "errors"],
        ["median_paper_ratio", "worst_paper_ratio"],
        "statistic",
        "|s| / paper's bound",
    )
    rows["statistic"] = rows["statistic"].str.split("_").str[0]
    grid = sns.relplot(
        rows, x="experts", y="|s| / paper's bound", hue="concentrations", style="statistic",
        markers=True, col="errors", kind="line", height=3, aspect=1.3,
    )  # fmt: skip
    grid.set(yscale="log", xscale="log")
    for axis in grid.axes.flat:
        _ticks(axis, rows["experts"])
    grid.refline(y=1)
    return grid.set_titles("{col_name}").figure


def along_training(plan: Plan) -> Figure:
    """|s| over the paper's bound, and share of steps with s < 0, by epoch."""
    frames = []
    for run in plan.runs.values():
        if run.objective.startswith("moa_plus") and run.experts in (2, 10):
            history = read_history(run)
            frames.append(
                pd.DataFrame(
                    {
                        "epoch": history["epoch"],
                        "|s| / paper's bound": history["paper_ratio"],
                        "|s| / Frobenius bound": history["frobenius_ratio"],
                        "share of s < 0": history["negative"] / history["steps"],
                        "cond Γ": history["condition"],
                        "objective": NAMES[run.objective],
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


def moa_plus_objectives(plan: Plan) -> Figure:
    """Reconstructions by each MoA+ objective with M = 2, first selection and seed."""
    runs = [r for r in plan.runs.values() if r.experts == 2 and r.objective.startswith("moa_plus")]
    first = first_seeds(runs)
    figure = plt.figure(figsize=(9, 1 + 2.3 * len(first)), layout="constrained")
    if first:
        draw_reconstructions(figure, first)
    return figure


def batches(plan: Plan) -> Figure:
    """Deviation of a batch's Γ, and its bound over that of all images, by batch size."""
    rows = read_probe("batches")
    rows["gate"] = rows["selection"] + ", M = " + rows["experts"].astype(str)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    names = {"deviation": "‖Γ_batch − Γ‖ / ‖Γ‖", "bound_ratio": "bound of batch / of all images"}
    for axis, (column, name) in zip(axes, names.items(), strict=True):
        sns.lineplot(
            rows, x="batch_size", y=column, hue="gate", marker="o", ax=axis,
            legend="auto" if column == "bound_ratio" else False,
        )  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel="images in a batch", ylabel=name)
        _ticks(axis, rows["batch_size"])
    if len(rows):
        sns.move_legend(axes[-1], "upper left", bbox_to_anchor=(1, 1), title="", frameon=False)
    return figure


def _ticks(axis: Axes, values: pd.Series) -> None:
    """A tick for each value of a logarithmic axis, and no others."""
    axis.minorticks_off()
    axis.set_xticks(values.unique(), [f"{value:,}" for value in values.unique()])


def simulation(plan: Plan) -> Figure:
    """Bias with its Monte-Carlo error, variance and coverage of the estimators, by sample size."""
    rows = read_simulation()
    rows["component"] = rows["component"].astype(str)
    rows["bias / its Monte-Carlo error"] = rows["bias"] / rows["bias_se"]
    rows["variance / its estimate"] = rows["n_variance"] / rows["n_estimated_variance"]
    figure, axes = plt.subplots(1, 3, figsize=(12, 3), layout="constrained")
    lines = {
        "bias / its Monte-Carlo error": 0,
        "variance / its estimate": 1,
        "coverage": 0.95,
    }
    for axis, (name, level) in zip(axes, lines.items(), strict=True):
        sns.lineplot(
            rows, x="n", y=name, hue="estimator", style="component", markers=True, ax=axis,
            legend="auto" if name == "coverage" else False,
        )  # fmt: skip
        axis.axhline(level, color="black", linestyle="dashed", linewidth=1)
        axis.set(xscale="log")
    sns.move_legend(axes[-1], "upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


AUDIT_FIGURES: dict[str, Callable[[Plan], Figure]] = dict(
    zip(
        AUDIT_FIGURE_NAMES,
        (bounds, along_training, moa_plus_objectives, batches, simulation),
        strict=True,
    )
)
