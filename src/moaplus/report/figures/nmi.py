"""NMI of every run."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.references import REFERENCE_METHODS
from moaplus.plan.results import RESULTS
from moaplus.plan.studies import Plan
from moaplus.report.runs_table import read_runs
from moaplus.report.titles import METHODS, label_rows


def draw(plan: Plan) -> Figure:
    """Draw NMI per seed on the training images, with its ceiling."""
    runs = read_runs(RESULTS / "runs.csv")
    runs = runs[
        (runs["split"] == "train") & runs["method"].isin([*PAPER_MODELS, *REFERENCE_METHODS])
    ].assign(
        method=lambda frame: frame["method"].map(METHODS),
        configuration=lambda frame: (
            label_rows(frame, plan).str.replace(", ", "\n")
            + "\nM = "
            + frame["experts"].astype(str)
        ),
    )
    order = list(dict.fromkeys(runs["configuration"]))
    figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
    sns.stripplot(
        runs, x="configuration", y="nmi", hue="method", order=order, dodge=True, jitter=False,
        alpha=0.7, ax=axis,
    )  # fmt: skip
    ceilings = runs.groupby("configuration")["nmi_ceiling"].first()
    for position, configuration in enumerate(order):
        axis.hlines(ceilings[configuration], position - 0.4, position + 0.4, "black", "dashed")
    axis.set(xlabel="", ylabel="NMI (training images); dashes: ceiling", ylim=(-0.02, 1.05))
    sns.move_legend(axis, "lower center", bbox_to_anchor=(0.5, 1), ncols=4, title="", frameon=False)
    return figure
