"""What figures share: their style, and files that are the same for the same data."""

import importlib
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from moaplus.data.images import load_labels
from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.results import STUDIES, figure_files, study_figure
from moaplus.plan.runs import Run, Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import mean_of
from moaplus.report.runs_table import read_runs, trained_runs
from moaplus.report.titles import METHODS, label_run
from moaplus.runs.folder import load_samples
from moaplus.storage.files import whole_file

SAMPLES = 10  # images in the reconstruction figure
METADATA = {".png": {"Software": None}, ".svg": {"Date": None}}  # neither date nor version


def write_figure(package: str, name: str, plan: Plan) -> None:
    """Draw one figure of the default studies and write it as PNG and SVG.

    Args:
        package: where its module is: `report` or `audit`.
        name: of its module in the package's `figures`.
        plan: what params.yaml asks for.
    """
    style()
    figure = importlib.import_module(f"moaplus.{package}.figures.{name}").draw(plan)
    save_figure(figure, figure_files([name]))
    plt.close(figure)


def write_study_figure(study: Study) -> None:
    """Draw the figure of a study that has one, from its runs.csv and records."""
    style()
    runs = read_runs(STUDIES / study.name / "runs.csv")
    figure = importlib.import_module(f"moaplus.report.pages.{study.name}").draw(study, runs)
    save_figure(figure, study_figure(study.name))
    plt.close(figure)


def style() -> None:
    """Set how all figures look."""
    mpl.rcParams.update({"svg.hashsalt": "moaplus", "svg.fonttype": "none", "savefig.dpi": 110})
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind")


def save_figure(figure: Figure, paths: Iterable[Path]) -> None:
    """Write a figure in the format of each path; the same figure gives the same bytes."""
    for path in paths:
        with whole_file(path) as temporary:
            figure.savefig(temporary, metadata=METADATA[path.suffix], bbox_inches="tight")


def configurations(plan: Plan) -> dict[str, list[Run]]:
    """Group runs of the paper's models by all but seed and objective, in the plan's order."""
    groups: dict[str, list[Run]] = {}
    for run in trained_runs(plan):
        if run.objective in PAPER_MODELS:
            name = label_run(run, plan, f"M = {run.experts}")
            groups.setdefault(name, []).append(run)
    return groups


def first_seeds(runs: list[Run]) -> list[Run]:
    """Return the run of the first seed for each objective."""
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.objective, run)
    return list(first.values())


def draw_reconstructions(part: FigureBase, runs: list[Run]) -> None:
    """Draw originals, and for each run the mixed reconstruction and that of each expert."""
    rows = _reconstruction_rows(runs)
    axes = part.subplots(len(rows), SAMPLES)
    for (label, images, notes), row in zip(rows, axes, strict=True):
        for image, note, axis in zip(images, notes, row, strict=True):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.set_xlabel(note, fontsize=6, labelpad=1)
        row[0].set_ylabel(label, rotation=0, ha="right", va="center")


def _reconstruction_rows(runs: list[Run]) -> list[tuple[str, np.ndarray, list[str]]]:
    rows = []
    for run in runs:
        samples = load_samples(run)
        by_class = load_labels(run.selection)["test"][samples["shown"]].argsort(kind="stable")
        chosen = by_class[np.linspace(0, len(by_class) - 1, SAMPLES).round().astype(int)]
        P = samples["concentrations"][chosen]
        experts = samples["reconstructions"][:, chosen]
        if not rows:
            rows.append(("original", samples["originals"][chosen], [""] * SAMPLES))
        mixed = np.einsum("nm,mnhw->nhw", P, experts)
        rows.append((f"{METHODS[run.objective]}, mixed", mixed, [""] * SAMPLES))
        rows += [
            (f"expert {k + 1}", images, [f"{p:.2f}" for p in P[:, k]])
            for k, images in enumerate(experts)
        ]
    return rows


def draw_means(axis: Axes, rows: pd.DataFrame, along: str, column: str, label: str) -> pd.Series:
    """Draw a line of means over seeds along a column, with their intervals; return the means."""
    means = pd.DataFrame(
        {value: vars(mean_of(part, column)) for value, part in rows.groupby(along)}
    ).T
    (line,) = axis.plot(means.index, means["mean"], label=label)
    axis.fill_between(
        means.index, means["low"], means["high"], color=line.get_color(), alpha=0.2, lw=0
    )
    return means["mean"]


def ticks(axis: Axes, values: pd.Series) -> None:
    """Set a tick for each value of a logarithmic axis, and no others."""
    axis.minorticks_off()
    axis.set_xticks(values.unique(), [f"{value:,}" for value in values.unique()])
