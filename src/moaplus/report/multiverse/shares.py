"""In how many protocols each claim holds: rules 1, 2 and 5 of docs/multiverse.md."""

from collections.abc import Iterable

import pandas as pd
from scipy.stats import binomtest

from moaplus.plan.multiverse import Protocol
from moaplus.report.claims import PAPER_COMPARISONS, PAPER_FIGURES
from moaplus.report.multiverse.readings import READINGS, USUAL, held, name, outcomes
from moaplus.report.titles import METHODS

FIGURES = [name(figure) for figure in PAPER_FIGURES]
CLAIMS = {
    **{name(f): f"{f.quantity} of {METHODS[f.method]}: {f.value}" for f in PAPER_FIGURES},
    **{
        quantity: f"MoA+ has the {'higher' if sign > 0 else 'lower'} {quantity}"
        for quantity, sign in PAPER_COMPARISONS.items()
    },
    "both": "both comparisons",
    "all": "all four figures at once",
}


def with_sums(claims: pd.DataFrame) -> pd.DataFrame:
    """Columns of `held`, and those of several claims at once."""
    return claims.assign(
        both=claims[list(PAPER_COMPARISONS)].all(axis=1), all=claims[FIGURES].all(axis=1)
    )


def share(holds: Iterable[bool]) -> str:
    """Count and share with Wilson's 95 % interval: `12 of 96: 0.12 [0.07, 0.21]`."""
    holds = list(holds)
    test = binomtest(sum(holds), len(holds))
    low, high = test.proportion_ci(method="wilson")
    return f"{sum(holds)} of {len(holds)}: {test.statistic:.2f} [{low:.2f}, {high:.2f}]"


def shares_table(protocols: tuple[Protocol, ...], runs: pd.DataFrame) -> list[dict]:
    """A row for each claim: over all protocols, by images, and over the readings."""
    usual = with_sums(held(outcomes(protocols, runs, USUAL)))
    readings = [with_sums(held(outcomes(protocols, runs, reading))) for reading in READINGS]
    images = pd.Series(
        [protocol.runs[0].selection.name for protocol in protocols], index=usual.index
    )
    return [
        {"claim": title, "all protocols": share(usual[claim])}
        | {f"`{name}`": share(part) for name, part in usual[claim].groupby(images, sort=False)}
        | {
            "least, largest of 48 readings": "{:.2f}, {:.2f}".format(
                *(pick(float(found[claim].mean()) for found in readings) for pick in (min, max))
            )
        }
        for claim, title in CLAIMS.items()
    ]


def all_at_once(protocols: tuple[Protocol, ...], runs: pd.DataFrame) -> tuple[str, list[dict]]:
    """Whether all four figures hold at once anywhere; and if nowhere, which stand against which."""
    found = [
        (protocol, reading)
        for reading in READINGS
        for protocol, holds in zip(
            protocols, with_sums(held(outcomes(protocols, runs, reading)))["all"], strict=True
        )
        if holds
    ]
    if found:
        words = [
            f"protocol {protocol.number} (`{protocol.runs[0].place.as_posix()}`; {reading})"
            for protocol, reading in found
        ]
        return f"**Yes**, in {'; '.join(words)}.", []
    claims = pd.concat([held(outcomes(protocols, runs, reading)) for reading in READINGS])
    table = [
        {"where this holds": CLAIMS[figure], "protocols × readings": int(claims[figure].sum())}
        | {
            CLAIMS[other]: "" if other == figure else int(claims.loc[claims[figure], other].sum())
            for other in FIGURES
        }
        for figure in FIGURES
    ]
    return "**No**: in no protocol, under none of the 48 readings.", table
