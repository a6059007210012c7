"""In how many protocols each claim holds: rules 1, 2 and 5 of docs/multiverse.md."""

import pandas as pd

from moaplus.plan.multiverse import Protocol
from moaplus.report.cells import share
from moaplus.report.claims import PAPER_COMPARISONS, PAPER_FIGURES
from moaplus.report.multiverse.readings import READINGS, USUAL, Reading, held, outcomes
from moaplus.report.titles import METHODS

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
    found = {}
    for reading in READINGS:
        claims = held(outcomes(protocols, runs, reading))
        found[reading] = claims.assign(
            both=claims[list(PAPER_COMPARISONS)].all(axis=1), all=claims[FIGURES].all(axis=1)
        )
    return found


def shares_table(
    protocols: tuple[Protocol, ...], claims: dict[Reading, pd.DataFrame]
) -> list[dict]:
    """Return a row for each claim: over all protocols, by images, and over the readings."""
    usual = claims[USUAL]
    images = pd.Series([p.runs[0].selection.name for p in protocols], index=usual.index)
    table = []
    for claim, title in CLAIMS.items():
        row = {"claim": title, "all protocols": share(usual[claim])}
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
