"""The table of trainings that failed, over the default studies and all that have records."""

from collections.abc import Iterator

import pandas as pd

from moaplus.plan.runs import Run
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.failures import CONSTANT, EXPERT, constant, expert
from moaplus.report.lines import CONFIGURATION
from moaplus.report.runs_table import recorded_runs

INTRODUCTION = """\
By the rule of [docs/verdicts.md](../docs/verdicts.md), in all studies whose records are there:
{total} trainings, of which {diverged} diverged. The errors of single experts are known of {known}:
records made before the rule do not have them."""


def failed_sections(plan: Plan) -> list[str]:
    """Write which trainings failed, by the seeds of each study and configuration."""
    table, total, diverged, known = [], 0, 0, 0
    for name, runs in _studies(plan):
        rows = recorded_runs(runs)
        if rows is None:
            continue
        train = rows[rows["split"] == "train"]
        total, diverged = total + len(runs), diverged + len(runs) - len(train)
        known += int(train["worst_error"].notna().sum())
        table += _lines(name, train)
    text = INTRODUCTION.format(total=total, diverged=diverged, known=known)
    return [text, markdown(table)] if table else [text, "None failed otherwise."]


def _studies(plan: Plan) -> Iterator[tuple[str, list[Run]]]:
    for study in [*plan.named(*plan.default), *plan.scored]:
        yield study.name, list(study.runs)
    if plan.protocols:
        yield "multiverse", [run for protocol in plan.protocols for run in protocol.runs]


def _lines(study: str, rows: pd.DataFrame) -> Iterator[dict]:
    """Yield a line for each configuration of which a training failed."""
    for configuration, part in rows.groupby(CONFIGURATION, sort=False):
        failed = {title: part.loc[rule(part), "seed"] for title, rule in RULES.items()}
        if any(map(len, failed.values())):
            yield {"study": study, CONFIGURATION: f"`{configuration}`", "trainings": len(part)} | {
                f"{title}: seeds": ", ".join(map(str, seeds)) for title, seeds in failed.items()
            }


RULES = {CONSTANT: constant, EXPERT: expert}
