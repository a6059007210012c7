"""Γ and the paper's bound of mini-batches."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.audit.section import read_probe
from moaplus.plan.studies import Plan
from moaplus.report.drawing import ticks
from moaplus.report.titles import format_images


def draw(plan: Plan) -> Figure:
    """Deviation of a batch's Γ, and its bound over that of all images, by batch size."""
    rows = read_probe("mini_batches")
    images = rows["selection"].map(lambda name: format_images(plan.selections[name]))
    rows["gate"] = images + ", M = " + rows["experts"].astype(str)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    names = {"deviation": "‖Γ_batch − Γ‖ / ‖Γ‖", "bound_ratio": "bound of batch / of all images"}
    for axis, (column, name) in zip(axes, names.items(), strict=True):
        sns.lineplot(
            rows, x="batch_size", y=column, hue="gate", marker="o", ax=axis,
            legend="auto" if column == "bound_ratio" else False,
        )  # fmt: skip
        axis.set(xscale="log", yscale="log", xlabel="images in a batch", ylabel=name)
        ticks(axis, rows["batch_size"])
    if len(rows):
        sns.move_legend(axes[-1], "upper left", bbox_to_anchor=(1, 1), title="", frameon=False)
    return figure
