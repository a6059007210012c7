"""results/figures: each figure as PNG and SVG, the same bytes for the same data."""

from collections.abc import Callable

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure, FigureBase

from moaplus.evaluated import load_concentrations, load_samples
from moaplus.files import whole_file
from moaplus.plan import FIGURE_NAMES, REFERENCES, Plan, Run
from moaplus.plan import FIGURES as FOLDER
from moaplus.report.cells import NAMES, images_in_words
from moaplus.report.runs import read_history, read_runs

SHOWN = 10  # images in the reconstruction figure
COMPARED = ("moa", "moa_plus")  # the paper's two models


def write_figure(name: str, plan: Plan) -> None:
    """Draw one figure of the default studies."""
    set_style()
    save_figure(name, FIGURES[name](plan))


def set_style() -> None:
    """Settings that all figures share, before one is drawn."""
    mpl.rcParams.update({"svg.hashsalt": "moaplus", "svg.fonttype": "none", "savefig.dpi": 110})
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind")


def save_figure(name: str, figure: Figure) -> None:
    """Write a figure as PNG and SVG, without a date or a version."""
    for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        with whole_file(FOLDER / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, metadata=metadata, bbox_inches="tight")
    plt.close(figure)


def _configurations(plan: Plan) -> dict[str, list[Run]]:
    """Runs of the paper's models by all but seed and objective, in the plan's order."""
    groups: dict[str, list[Run]] = {}
    for run in plan.runs.values():
        if run.objective in COMPARED:
            changes = run.variant.replace("-", ", ")
            label = f"{run.selection.name}, M = {run.experts}{changes}"
            groups.setdefault(label, []).append(run)
    return groups


def first_seeds(runs: list[Run]) -> list[Run]:
    """The run of the first seed for each objective."""
    first: dict[str, Run] = {}
    for run in runs:
        first.setdefault(run.objective, run)
    return list(first.values())


def reconstructions(plan: Plan) -> Figure:
    """Originals, and their reconstructions by MoA and MoA+: mixed, and by each expert (M = 2)."""
    pairs = [r for r in plan.runs.values() if r.experts == 2 and r.objective in COMPARED]
    selections = dict.fromkeys(run.selection for run in pairs)
    figure = plt.figure(figsize=(9, 6.2 * len(selections)), layout="constrained")
    for part, selection in zip(
        np.atleast_1d(figure.subfigures(len(selections), 1)), selections, strict=True
    ):
        runs = [run for run in pairs if run.selection == selection]
        draw_reconstructions(part, first_seeds(runs))
        part.suptitle(selection.name)
    return figure


def draw_reconstructions(part: FigureBase, runs: list[Run]) -> None:
    """Originals, and for each run the mixed reconstruction and that of each expert."""
    rows = _reconstruction_rows(runs)
    axes = part.subplots(len(rows), SHOWN)
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
        chosen = np.linspace(0, len(samples["originals"]) - 1, SHOWN).round().astype(int)
        P = samples["concentrations"][chosen]
        experts = samples["reconstructions"][:, chosen]
        if not rows:
            rows.append(("original", samples["originals"][chosen], [""] * SHOWN))
        mixed = np.einsum("nm,mnhw->nhw", P, experts)
        rows.append((f"{NAMES[run.objective]}, mixed", mixed, [""] * SHOWN))
        rows += [
            (f"expert {k + 1}", images, [f"{p:.2f}" for p in P[:, k]])
            for k, images in enumerate(experts)
        ]
    return rows


def nmi(plan: Plan) -> Figure:
    """NMI per seed on the training images, with its ceiling."""
    runs = read_runs()
    runs = runs[(runs["split"] == "train") & runs["method"].isin([*COMPARED, *REFERENCES])].assign(
        method=lambda frame: frame["method"].map(NAMES),
        configuration=lambda frame: (
            frame["selection"] + "\nM = " + frame["experts"].astype(str) + "\n" + frame["variant"]
        ),
    )
    order = list(dict.fromkeys(runs["configuration"]))
    figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
    sns.stripplot(
        runs, x="configuration", y="nmi", hue="method", order=order, dodge=True, jitter=False,
        alpha=0.7, ax=axis,
    )  # fmt: skip
    ceilings = runs.groupby("configuration")["nmi_ceiling"].first()
    for place, configuration in enumerate(order):
        axis.hlines(ceilings[configuration], place - 0.4, place + 0.4, "black", "dashed")
    axis.set(xlabel="", ylabel="NMI (training images); dashes: ceiling", ylim=(-0.02, 1.05))
    sns.move_legend(axis, "lower center", bbox_to_anchor=(0.5, 1), ncols=4, title="", frameon=False)
    return figure


def loads(plan: Plan) -> Figure:
    """Loads of the experts over training, from the largest to the smallest, mean over seeds."""
    frames = []
    for configuration, runs in _configurations(plan).items():
        for run in runs:
            history = read_history(run)
            columns = [f"load_{k}" for k in range(run.experts)]
            ranked = -np.sort(-history[columns].to_numpy(), axis=1)
            frame = pd.DataFrame(ranked, columns=range(1, run.experts + 1))
            frame.insert(0, "epoch", history["epoch"])
            frame = frame.melt("epoch", var_name="rank", value_name="load")
            frames.append(frame.assign(configuration=configuration, method=NAMES[run.objective]))
    grid = sns.relplot(
        pd.concat(frames, ignore_index=True), x="epoch", y="load", hue="rank", palette="viridis",
        legend="full",
        row="method", col="configuration", kind="line", errorbar=None, height=2, aspect=1.1,
    )  # fmt: skip
    grid.set(ylim=(-0.02, 1.02)).set_titles("{row_name}\n{col_name}", size=7)
    return grid.figure


def clusters(plan: Plan) -> Figure:
    """Share of each class's training images in each cluster, first seed."""
    configurations = _configurations(plan)
    figure, axes = plt.subplots(
        len(configurations), len(COMPARED), squeeze=False, layout="constrained",
        figsize=(4.2 * len(COMPARED), 2.4 * len(configurations)),
    )  # fmt: skip
    for row, (configuration, runs) in zip(axes, configurations.items(), strict=True):
        for objective, axis in zip(COMPARED, row, strict=True):
            run = next((run for run in runs if run.objective == objective), None)
            if run is None:
                axis.set_axis_off()
                continue
            arrays = load_concentrations(run)
            table = pd.crosstab(
                arrays["train_concentrations"].argmax(axis=1) + 1,
                arrays["train_labels"],
                normalize="columns",
            ).reindex(range(1, run.experts + 1), fill_value=0)
            sns.heatmap(
                table, ax=axis, vmin=0, vmax=1, cmap="rocket_r", annot=True, fmt=".0%",
                annot_kws={"size": 5}, cbar=False,
            )  # fmt: skip
            axis.set(xlabel="class", ylabel="cluster")
            axis.set_title(f"{NAMES[run.objective]}: {configuration}", size=7)
    return figure


def training(plan: Plan) -> Figure:
    """Error of the mixed and of the routed reconstruction over training."""
    frames = [
        read_history(run)
        .melt("epoch", ["mixture_error", "routed_error"], "loss", "error per pixel")
        .assign(configuration=configuration, method=NAMES[run.objective])
        for configuration, runs in _configurations(plan).items()
        for run in runs
    ]
    frame = pd.concat(frames, ignore_index=True)
    frame["loss"] = frame["loss"].map({"mixture_error": "mixed", "routed_error": "routed"})
    grid = sns.relplot(
        frame, x="epoch", y="error per pixel", hue="method", style="loss", col="configuration",
        col_wrap=3, kind="line", height=2.4, aspect=1.2, seed=0,
    )  # fmt: skip
    grid.set(yscale="log").set_titles("{col_name}", size=7)
    return grid.figure


def objectives(plan: Plan) -> Figure:
    """NMI, load entropy and error per seed of every objective on the paper's M = 2."""
    runs = read_runs()
    runs = runs[(runs["split"] == "train") & (runs["experts"] == 2)]
    runs = runs[~runs["method"].isin(REFERENCES)]
    frame = runs.assign(method=runs["method"].map(NAMES), images=images_in_words(runs)).rename(
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


FIGURES: dict[str, Callable[[Plan], Figure]] = dict(
    zip(FIGURE_NAMES, (reconstructions, nmi, loads, clusters, training, objectives), strict=True)
)
