"""The ratio of the losses, MoA+ over standard MoA, in which scale and normalisation cancel."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pandas as pd

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.results import PROBES
from moaplus.plan.runs import SPLITS, Run
from moaplus.report.cells import markdown, share
from moaplus.report.claims import PAPER_FIGURES
from moaplus.report.failures import failed
from moaplus.report.runs_table import Recorded
from moaplus.storage.frames import load_frame

EXPERTS = 2  # the talk's
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


def ratio_sections(recorded: list[Recorded]) -> list[str]:
    """Write the ratio by study, and the floor that linear codes suggest.

    Args:
        recorded: as of `everything_recorded`.

    Raises:
        UserError: if linear_codes.csv is missing or damaged.
    """
    low, high = band()
    table = [
        _line(name, found) for name, runs, rows in recorded if len(found := ratios(runs, rows))
    ]
    text = INTRODUCTION.format(low=low, high=high, readings=len(READINGS))
    return [text, *([markdown(table)] if table else []), FLOOR.format(floors=_floors())]


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
    codes = load_frame(PROBES / "linear_codes.csv", "run `moaplus probe linear_codes`")
    return "; ".join(
        f"{part['ratio'].min():.2f} to {part['ratio'].max():.2f} on `{selection}`"
        for selection, part in codes.groupby("selection", sort=False)
    )
