"""What trained protocols say, by what loss, NMI and cluster are taken to mean.

In how many of them each claim holds: rules 1, 2 and 5 of docs/multiverse.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np
import pandas as pd

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.multiverse import Protocol
from moaplus.plan.runs import SPLITS
from moaplus.report.cells import share
from moaplus.report.claims import PAPER_COMPARISONS, PAPER_FIGURES, PaperFigure
from moaplus.report.failures import failed
from moaplus.report.titles import METHODS
from moaplus.theory.scores import NMI_MEANS

Values = TypeVar("Values", float, np.ndarray, pd.Series)
LOSS_READINGS = ("mixed", "routed", "objective")
CLUSTER_READINGS = ("gate", "error")
# The paper's own differences between the two methods: the units of `distance`.
CONTRASTS = {
    quantity: abs(first.value - second.value)
    for quantity in PAPER_COMPARISONS
    for first, second in [[f for f in PAPER_FIGURES if f.quantity == quantity]]
}


@dataclass(frozen=True)
class Reading:
    """One option for each decision that costs nothing.

    Attributes:
        loss: of the mixed reconstruction, of the chosen expert, or the objective's value.
        mean: of the two entropies, by which NMI divides.
        cluster: chosen by the gate's argmax, or by the least error.
        split: the images scored.
    """

    loss: str
    mean: str
    cluster: str
    split: str

    @property
    def columns(self) -> dict[str, str]:
        """Return the columns of runs.csv for the paper's two quantities."""
        nmi = "nmi" if self.mean == "arithmetic" else f"nmi_{self.mean}"
        routed = "routed_error" if self.cluster == "gate" else "least_error"
        return {
            "nmi": nmi if self.cluster == "gate" else f"{nmi}_by_error",
            "loss": {"mixed": "mixture_error", "routed": routed}.get(self.loss, self.loss),
        }


READINGS = [
    Reading(*options) for options in product(LOSS_READINGS, NMI_MEANS, CLUSTER_READINGS, SPLITS)
]
USUAL = READINGS[0]


def outcomes(protocols: tuple[Protocol, ...], runs: pd.DataFrame, reading: Reading) -> pd.DataFrame:
    """Return the paper's four figures in each protocol: columns `nmi_moa`, …, `loss_moa_plus`.

    They are means over a protocol's seeds.

    Args:
        protocols: one row each, by number.
        runs: runs.csv of the multiverse; without rows of a training that diverged, whose figures
            are missing.
        reading: of loss, NMI and cluster.
    """
    return outcomes_by_seed(protocols, runs, reading).groupby(level="protocol").mean(skipna=False)


def outcomes_by_seed(
    protocols: tuple[Protocol, ...], runs: pd.DataFrame, reading: Reading
) -> pd.DataFrame:
    """Return the paper's four figures in each protocol at each seed: rows by both.

    Args: as of `outcomes`.
    """
    rows = runs[runs["split"] == reading.split].set_index("folder")
    return pd.DataFrame(
        {
            f"{quantity}_{method}": [
                rows[column].get(pair[position].folder.as_posix())
                for protocol in protocols
                for pair in protocol.pairs
            ]
            for quantity, column in reading.columns.items()
            for position, method in enumerate(PAPER_MODELS)
        },
        index=pd.MultiIndex.from_tuples(
            [(protocol.number, pair[0].seed) for protocol in protocols for pair in protocol.pairs],
            names=["protocol", "seed"],
        ),
        dtype=float,
    )


def failures(protocols: tuple[Protocol, ...], runs: pd.DataFrame) -> pd.DataFrame:
    """Tell in which protocols a training failed, as far as each of the four figures is concerned.

    Args: as of `outcomes`, whose columns and rows it has.
    """
    rows = runs[runs["split"] == "train"].set_index("folder")
    lost = {quantity: failed(rows, column) for quantity, column in USUAL.columns.items()}
    return pd.DataFrame(
        {
            f"{quantity}_{method}": [
                any(found.get(pair[position].folder.as_posix(), True) for pair in protocol.pairs)
                for protocol in protocols
            ]
            for quantity, found in lost.items()
            for position, method in enumerate(PAPER_MODELS)
        },
        index=[protocol.number for protocol in protocols],
    )


def held(found: pd.DataFrame, lost: pd.DataFrame) -> pd.DataFrame:
    """Tell whether each of `CLAIMS` holds in each protocol, by rule 1 of docs/multiverse.md.

    Args:
        found: as of `outcomes`.
        lost: as of `failures`; nothing holds of a training that failed.
    """
    claims = {}
    for figure in PAPER_FIGURES:
        low, high = figure.range
        claims[figure.key] = found[figure.key].between(low, high) & ~lost[figure.key]
    for quantity, sign in PAPER_COMPARISONS.items():
        models = [f"{quantity}_{method}" for method in PAPER_MODELS]
        standard, ours = (found[model] for model in models)
        claims[quantity] = (sign * (ours - standard) > 0) & ~lost[models].any(axis=1)
    return pd.DataFrame(claims).assign(
        both=lambda claims: claims[list(PAPER_COMPARISONS)].all(axis=1),
        all=lambda claims: claims[FIGURES].all(axis=1),
    )


def distance(found: Mapping[str, Values] | pd.DataFrame) -> Values:
    """Return how far protocols are from the paper's table, by rule 3 of docs/multiverse.md.

    Args:
        found: the four figures by their keys, numbers or one for each protocol.
    """
    squares = [square(figure, found[figure.key]) for figure in PAPER_FIGURES]
    return (sum(squares) / len(squares)) ** 0.5


def square(figure: PaperFigure, value: Values) -> Values:
    """Return the square of a difference from the paper, in units of its contrast."""
    return ((value - figure.value) / CONTRASTS[figure.quantity]) ** 2


FIGURES = [figure.key for figure in PAPER_FIGURES]
CLAIMS = {
    **{f.key: f"{f.quantity} of {METHODS[f.method]}: {f.value}" for f in PAPER_FIGURES},
    **{
        quantity: f"MoA+ has the {'higher' if sign > 0 else 'lower'} {quantity}"
        for quantity, sign in PAPER_COMPARISONS.items()
    },
    "both": "both comparisons",
    "all": "all four figures at once",
}


def claims_by_reading(
    protocols: tuple[Protocol, ...], runs: pd.DataFrame
) -> dict[Reading, pd.DataFrame]:
    """Tell under every reading whether each of `CLAIMS` (columns) holds in each protocol (rows)."""
    lost = failures(protocols, runs)
    return {reading: held(outcomes(protocols, runs, reading), lost) for reading in READINGS}


def shares_table(
    protocols: tuple[Protocol, ...], claims: dict[Reading, pd.DataFrame], lost: pd.Series
) -> list[dict]:
    """Return a row for each claim: over all protocols, by images, and over the readings.

    Args:
        protocols: of the multiverse.
        claims: whether each holds, by reading.
        lost: the protocols in which a model failed.
    """
    usual = claims[USUAL]
    images = pd.Series([p.runs[0].selection.name for p in protocols], index=usual.index)
    table = []
    for claim, title in CLAIMS.items():
        row = {
            "claim": title,
            "all protocols": share(usual[claim]),
            "those without a failed training": share(usual.loc[~lost, claim]),
        }
        for images_name, part in usual[claim].groupby(images, sort=False):
            row[f"`{images_name}`"] = share(part)
        means = [float(found[claim].mean()) for found in claims.values()]
        row["least, largest of 48 readings"] = f"{min(means):.2f}, {max(means):.2f}"
        table.append(row)
    return table


def all_at_once(
    protocols: tuple[Protocol, ...], claims: dict[Reading, pd.DataFrame]
) -> tuple[str, list[dict]]:
    """Tell whether all four figures hold at once anywhere; if not, which stand against which."""
    words = [
        f"protocol {protocol.number} (`{protocol.runs[0].protocol.as_posix()}`; {reading})"
        for reading, found in claims.items()
        for protocol, holds in zip(protocols, found["all"], strict=True)
        if holds
    ]
    if words:
        return f"**Yes**, in {'; '.join(words)}.", []
    every = pd.concat(claims.values())
    table = [
        {"where this holds": CLAIMS[figure], "protocols × readings": int(every[figure].sum())}
        | {
            CLAIMS[other]: "" if other == figure else int(every.loc[every[figure], other].sum())
            for other in FIGURES
        }
        for figure in FIGURES
    ]
    alone = [
        CLAIMS[figure]
        for figure in FIGURES
        if every[figure].any() and every.loc[every[figure], FIGURES].sum(axis=1).max() == 1
    ]
    answer = f"**No**: in no protocol, under none of the {len(claims)} readings."
    return f"{answer} Never beside any of the others: {'; '.join(alone) or 'none'}.", table
