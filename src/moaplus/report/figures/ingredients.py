"""Every objective with M = 2."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.references import REFERENCE_METHODS
from moaplus.plan.results import RESULTS
from moaplus.plan.studies import Plan
from moaplus.report.labels import labels
from moaplus.report.runs_table import read_runs
from moaplus.report.titles import METHODS


def draw(plan: Plan) -> Figure:
    """NMI, load entropy and error per seed of every objective on the paper's M = 2."""
    runs = read_runs(RESULTS / "runs.csv")
    runs = runs[(runs["split"] == "train") & (runs["experts"] == 2)]
    runs = runs[~runs["method"].isin(REFERENCE_METHODS)]
    frame = runs.assign(method=runs["method"].map(METHODS), images=labels(runs, plan)).rename(
        columns={
            "nmi": "NMI",
            "load_entropy": "load entropy",
            "mixture_error": "error per pixel, mixed",
            "routed_error": "error per pixel, routed",
        }
    )
    names = ("NMI", "load entropy", "error per pixel, mixed", "error per pixel, routed")
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), sharey=True, layout="constrained")
    for axis, name in zip(axes, names, strict=True):
        sns.stripplot(
            frame, x=name, y="method", hue="images", dodge=True, jitter=False, alpha=0.7,
            ax=axis, legend="auto" if axis is axes[-1] else False,
        )  # fmt: skip
        axis.set(ylabel="", xscale="log" if name.startswith("error") else "linear")
    sns.move_legend(axes[-1], "upper left", bbox_to_anchor=(1, 1), title="", frameon=False)
    return figure
