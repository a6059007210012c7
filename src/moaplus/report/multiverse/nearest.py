"""The protocols nearest to the paper's table: rules 3 and 4 of docs/multiverse.md."""

import pandas as pd

from moaplus.plan.multiverse import Protocol
from moaplus.plan.runs import Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.claims import PAPER_FIGURES
from moaplus.report.multiverse.readings import USUAL, distance, failures, outcomes
from moaplus.report.paper_section import (
    asks_the_paper,
    count_seeds,
    single_run_lines,
    verdict_lines,
)
from moaplus.report.quantities import QUANTITIES
from moaplus.report.runs_table import recorded_runs
from moaplus.report.titles import METHODS

LISTED = 10
SOUND = "place without failed trainings"
RETRAINED = 3
FRESH = 5000  # seeds from here on are in no other study


def nearest(protocols: tuple[Protocol, ...], runs: pd.DataFrame) -> list[Protocol]:
    """Return protocols by their distance in the usual reading, the nearest first."""
    order = distance(outcomes(protocols, runs, USUAL)).dropna().sort_values().index
    by_number = {protocol.number: protocol for protocol in protocols}
    return [by_number[number] for number in order]


def nearest_table(protocols: tuple[Protocol, ...], runs: pd.DataFrame) -> list[dict]:
    """Return the paper's table, and those of the nearest protocols beside it.

    It ends with the tenth protocol in which no training failed.
    """
    found, lost = outcomes(protocols, runs, USUAL), failures(protocols, runs).any(axis=1)
    away = distance(found)
    headings = {figure: f"{figure.quantity}, {METHODS[figure.method]}" for figure in PAPER_FIGURES}
    digits = {figure: QUANTITIES[USUAL.columns[figure.quantity]].digits for figure in headings}
    paper = {heading: f"{figure.value}" for figure, heading in headings.items()}
    table = [{"place": None, SOUND: None, "protocol": "the paper", "distance": "0"} | paper]
    sound = 0
    for place, protocol in enumerate(nearest(protocols, runs), 1):
        number = protocol.number
        sound += not lost[number]
        figures = {
            heading: f"{found.loc[number, figure.key]:.{digits[figure]}f}"
            for figure, heading in headings.items()
        }
        table.append(
            {
                "place": place,
                SOUND: "failed" if lost[number] else sound,
                "protocol": f"{number}: `{protocol.runs[0].protocol.as_posix()}`",
                "distance": f"{away[number]:.2f}",
            }
            | figures
        )
        if sound == LISTED:
            break
    return table


def fresh_study(plan: Plan, protocol: Protocol) -> Study | None:
    """Return the study that trains a protocol with seeds that had no part in the search for it."""
    for study in plan.studies.values():
        run = study.runs[0]
        fresh = run.seed >= FRESH and run.protocol == protocol.runs[0].protocol
        if fresh and asks_the_paper(study):
            return study
    return None


def fresh_seeds(plan: Plan, protocols: tuple[Protocol, ...], runs: pd.DataFrame) -> list[str]:
    """Write the paper's claims under the nearest protocols, by seeds that the search never saw."""
    parts = []
    for protocol in nearest(protocols, runs)[:RETRAINED]:
        study = fresh_study(plan, protocol)
        again = recorded_runs(study.runs) if study else None
        parts.append(f"Protocol {protocol.number}, `{protocol.runs[0].protocol.as_posix()}`:")
        if again is None:
            parts[-1] += " not trained with fresh seeds yet."
        else:
            parts[-1] += f" {count_seeds(study)} fresh seeds (study `{study.name}`)."
            parts += [
                markdown(verdict_lines(study, again)),
                markdown(single_run_lines(study, again)),
            ]
    return parts
