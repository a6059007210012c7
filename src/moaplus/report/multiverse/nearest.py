"""The protocols nearest to the paper's table: rules 3 and 4 of docs/multiverse.md."""

import pandas as pd

from moaplus.plan.multiverse import Protocol
from moaplus.report.claims import PAPER_FIGURES
from moaplus.report.multiverse.readings import USUAL, distance, name, outcomes
from moaplus.report.quantities import QUANTITIES
from moaplus.report.titles import METHODS

SHOWN = 10


def nearest(protocols: tuple[Protocol, ...], runs: pd.DataFrame) -> list[Protocol]:
    """Protocols by their distance in the usual reading, the nearest first."""
    order = distance(outcomes(protocols, runs, USUAL)).dropna().sort_values().index
    by_number = {protocol.number: protocol for protocol in protocols}
    return [by_number[number] for number in order]


def nearest_table(protocols: tuple[Protocol, ...], runs: pd.DataFrame) -> list[dict]:
    """The paper's table, and those of the nearest protocols beside it."""
    found = outcomes(protocols, runs, USUAL)
    away = distance(found)
    headings = {
        name(figure): f"{figure.quantity}, {METHODS[figure.method]}" for figure in PAPER_FIGURES
    }
    paper = {headings[name(figure)]: f"{figure.value}" for figure in PAPER_FIGURES}
    table = [{"protocol": "the paper", "distance": "0"} | paper]
    for protocol in nearest(protocols, runs)[:SHOWN]:
        row = found.loc[protocol.number]
        table.append(
            {
                "protocol": f"{protocol.number}: `{protocol.runs[0].place.as_posix()}`",
                "distance": f"{away[protocol.number]:.2f}",
            }
            | {headings[column]: f"{row[column]:.{_digits(column)}f}" for column in headings}
        )
    return table


def _digits(column: str) -> int:
    return QUANTITIES["nmi" if column.startswith("nmi") else "mixture_error"].digits
