"""The ratio of the losses, MoA+ over standard MoA, in which scale and normalisation cancel."""

from collections.abc import Iterable
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.results import PROBES, RATIO_FIGURE
from moaplus.plan.runs import SPLITS, Run
from moaplus.report.cells import markdown, share
from moaplus.report.claims import PAPER_FIGURES
from moaplus.report.failures import failed
from moaplus.report.runs_table import Recorded
from moaplus.storage.frames import load_frame

EXPERTS = 2  # the talk's
FIGURE_TITLE = "The ratio of every pair of trainings, by study, beside the talk's"
LOSSES = ("mixture_error", "routed_error", "least_error", "objective")

INTRODUCTION = """\
Pixel scale and normalisation cancel in loss(MoA+) / loss(MoA). The talk's is {low:.3f} to
{high:.3f} with its rounding. Here is the ratio in every pair of trainings with M = 2 (both models,
one seed, all else the same) of which neither failed: of the mixed loss on training images, and the
least over the {readings} readings of the loss (mixed, of the chosen expert, of the best expert, on
training or test images; the objective's value)."""

FLOOR = """\
What could specialisation give at all? The loss of a linear code (PCA) for each true class, over
that of one for all images, with as many components each
([linear_codes.csv](probes/linear_codes.csv)) is {floors}. If autoencoders are like linear codes in
this, a ratio below it means that the talk's standard MoA was impaired, or that its two losses are
of different kinds."""


def band() -> tuple[float, float]:
    """Return the ends of the talk's ratio, each figure as far off as its rounding allows."""
    ranges = {figure.method: figure.range for figure in PAPER_FIGURES if figure.quantity == "loss"}
    standard, ours = (ranges[method] for method in PAPER_MODELS)
    return ours[0] / standard[1], ours[1] / standard[0]


def ratio_sections(found: dict[str, pd.DataFrame]) -> list[str]:
    """Write the ratio by study, and the floor that linear codes suggest.

    Args:
        found: as of `ratios_by_study`.

    Raises:
        UserError: if linear_codes.csv is missing or damaged.
    """
    low, high = band()
    text = INTRODUCTION.format(low=low, high=high, readings=len(READINGS))
    table = [_line(name, part) for name, part in found.items()]
    shown = [markdown(table), f"![{FIGURE_TITLE}](figures/{RATIO_FIGURE[0].name})"] if table else []
    return [text, *shown, FLOOR.format(floors=_floors())]


def ratios_by_study(recorded: list[Recorded]) -> dict[str, pd.DataFrame]:
    """Return `ratios` of each study that has some.

    Args:
        recorded: as of `everything_recorded`.
    """
    found = {name: ratios(runs, rows) for name, runs, rows in recorded}
    return {name: part for name, part in found.items() if len(part)}


def draw_ratios(found: dict[str, pd.DataFrame]) -> Figure:
    """Draw the ratio of each pair of runs by study, the talk's band, and the floors.

    Args:
        found: as of `ratios_by_study`.

    Raises:
        UserError: if linear_codes.csv is missing or damaged.
    """
    figure, axis = plt.subplots(figsize=(8, max(3, 1 + 0.45 * len(found))), layout="constrained")
    axis.axvspan(*band(), color="C1", alpha=0.3, label="the talk")
    for number, (selection, part) in enumerate(_codes()):
        ends, label = part["ratio"].agg(["min", "max"]), f"linear codes of the classes, {selection}"
        height = {"ymin": 0.03 * number, "ymax": 0.03 * (number + 1)}
        axis.axvspan(*ends, **height, color=f"C{2 + number}", label=label)
    for row, part in enumerate(found.values()):
        mixed, least = part[READINGS[0]], part.min(axis=1)
        axis.plot(least, [row + 0.18] * len(part), "|", ms=7, color="0.7")
        axis.plot(mixed, [row - 0.08] * len(part), "|", ms=7, color="C0")
    axis.plot([], [], "|", ms=7, color="C0", label="mixed loss, training images")
    axis.plot([], [], "|", ms=7, color="0.7", label="least over readings")
    axis.axvline(1, color="0.4", lw=0.8)
    axis.set(xscale="log", xlabel="loss of MoA+ over that of standard MoA")
    axis.set_yticks(range(len(found)), [f"{name} ({len(part)})" for name, part in found.items()])
    axis.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


READINGS = [
    (column, split)
    for column, split in product(LOSSES, SPLITS)
    if (column, split) != (LOSSES[-1], SPLITS[1])
]


def ratios(runs: Iterable[Run], rows: pd.DataFrame) -> pd.DataFrame:
    """Return loss(MoA+) / loss(MoA) of each pair that is sound, a column for each of `READINGS`.

    Args:
        runs: those of a study.
        rows: their rows of runs.csv.
    """
    by_split = {split: part.set_index("folder") for split, part in rows.groupby("split")}
    sound = ~failed(by_split["train"], LOSSES[0])
    found = [
        [
            by_split[split].loc[ours, column] / by_split[split].loc[standard, column]
            for column, split in READINGS
        ]
        for standard, ours in _pairs(runs)
        if sound.get(standard, False) and sound.get(ours, False)
    ]
    return pd.DataFrame(found, columns=pd.MultiIndex.from_tuples(READINGS), dtype=float)


def _pairs(runs: Iterable[Run]) -> list[tuple[str, str]]:
    """Return the folders of both models' trainings that differ in nothing else."""
    same: dict[tuple, dict[str, str]] = {}
    for run in runs:
        if run.experts == EXPERTS:
            key = run.selection, run.network, run.training, run.seed
            same.setdefault(key, {})[run.objective] = run.folder.as_posix()
    return [
        tuple(found[method] for method in PAPER_MODELS)
        for found in same.values()
        if set(PAPER_MODELS) <= set(found)
    ]


def _line(name: str, found: pd.DataFrame) -> dict:
    mixed, (low, high) = found[READINGS[0]], band()
    return {
        "study": name,
        "pairs": len(found),
        "least": f"{mixed.min():.2f}",
        "2.5 %": f"{np.quantile(mixed, 0.025):.2f}",
        "median": f"{mixed.median():.2f}",
        "97.5 %": f"{np.quantile(mixed, 0.975):.2f}",
        "below 1": share(mixed < 1),
        f"{low:.3f} to {high:.3f}": share(mixed.between(low, high)),
        "least over readings": f"{found.min(axis=None):.2f}",
        "pairs in the band under some reading": int(
            ((found >= low) & (found <= high)).any(axis=1).sum()
        ),
    }


def _floors() -> str:
    """Print the range of the ratio over components, for each selection."""
    return "; ".join(
        f"{part['ratio'].min():.2f} to {part['ratio'].max():.2f} on `{selection}`"
        for selection, part in _codes()
    )


def _codes() -> Iterable[tuple[str, pd.DataFrame]]:
    """Return the ratios of linear codes by selection."""
    codes = load_frame(PROBES / "linear_codes.csv", "run `moaplus probe linear_codes`")
    return codes.groupby("selection", sort=False)
