"""Every objective with M = 2."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.plan.references import REFERENCE_METHODS
from moaplus.plan.results import RESULTS
from moaplus.plan.studies import Plan
from moaplus.report.runs_table import read_runs
from moaplus.report.titles import METHODS, label_rows


def draw(plan: Plan) -> Figure:
    """Draw NMI, load entropy and error per seed of every objective on the paper's M = 2."""
    runs = read_runs(RESULTS / "runs.csv")
    runs = runs[(runs["split"] == "train") & (runs["experts"] == 2)]
    runs = runs[~runs["method"].isin(REFERENCE_METHODS)]
    frame = runs.assign(method=runs["method"].map(METHODS), images=label_rows(runs, plan)).rename(
        columns={
            "nmi": "NMI",
            "load_entropy": "load entropy",
            "mixture_error": "error per pixel, mixed",
            "routed_error": "error per pixel, routed",
        }
    )
    panels = {  # with the scale of each
        "NMI": "linear",
        "load entropy": "linear",
        "error per pixel, mixed": "log",
        "error per pixel, routed": "log",
    }
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), sharey=True, layout="constrained")
    for axis, (name, scale) in zip(axes, panels.items(), strict=True):
        sns.stripplot(
            frame, x=name, y="method", hue="images", dodge=True, jitter=False, alpha=0.7,
            ax=axis, legend="auto" if axis is axes[-1] else False,
        )  # fmt: skip
        axis.set(ylabel="", xscale=scale)
    sns.move_legend(axes[-1], "upper left", bbox_to_anchor=(1, 1), title="", frameon=False)
    return figure
