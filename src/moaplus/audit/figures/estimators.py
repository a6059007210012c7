"""Bias, variance and coverage of the estimators."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from moaplus.audit.section import read_simulation
from moaplus.plan.studies import Plan


def draw(plan: Plan) -> Figure:
    """Draw bias over its Monte-Carlo error, variance and coverage of estimators, by sample size."""
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
