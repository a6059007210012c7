"""The paper's claims: after the default budget, after a long one, and with many seeds."""

import pandas as pd

from moaplus.plan.studies import Plan, Study
from moaplus.report.cells import images_in_short, markdown
from moaplus.report.paper_section import (
    LONG,
    SEEDS,
    Outcome,
    count_seeds,
    epochs_in_words,
    outcomes_of,
    rule,
    tables,
    verdict_lines,
)
from moaplus.report.recording import recorded_studies

NEEDS = {
    "paper": {
        "differ": ["dataset", "classes", "images", "objective"],
        "objectives": ["moa", "moa_plus"],
        "experts": 2,
    },
    "long": {
        "differ": ["dataset", "classes", "images", "objective"],
        "objectives": ["moa", "moa_plus"],
        "experts": 2,
        "images_of": "paper",
    },
    "seeds": {
        "differ": ["dataset", "classes", "images", "objective"],
        "objectives": ["moa", "moa_plus"],
        "experts": 2,
    },
}


def at_a_glance(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Every claim with its verdict and our mean, by images and budget, on one screen."""
    studies = [(study, runs), *recorded_studies(plan, SEEDS, LONG)]
    columns: dict[str, list[Outcome]] = {}
    for selection in dict.fromkeys(run.selection for run in study.runs):
        for asked, rows in studies:
            if selection in {run.selection for run in asked.runs}:
                budget = f"{epochs_in_words(asked)}, {count_seeds(asked)} seeds"
                heading = f"{images_in_short(selection)}, {budget}"
                columns[heading] = outcomes_of(asked, rows, selection)
    table = [
        {"claim": claims[0].claim, "paper": claims[0].paper}
        | {
            heading: f"**{claim.word}**: {claim.mean}"
            for heading, claim in zip(columns, claims, strict=True)
        }
        for claims in zip(*columns.values(), strict=True)
    ]
    return [
        "**Verdicts** by [the rule](table.md#the-rule-of-the-verdicts), each with our mean:",
        markdown(table),
        "Why, and what the paper claims beyond its table: [claims.md](claims.md).",
    ]


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Verdicts at both budgets, those of many seeds, and the paper's table beside ours."""
    longer = next(iter(recorded_studies(plan, LONG)), None)
    parts = [
        "## The paper's claims",
        'The paper says only "MNIST, M = 2": it names neither the classes nor the number of '
        f"images, so both readings are run. The means are over {count_seeds(study)} seeds"
        + (
            ". The long training has not been run under these settings."
            if longer is None
            else f", after the long training over {count_seeds(longer[0])} "
            f"(study `{LONG}`: [table](studies/{LONG}/table.md))."
        ),
        markdown(verdict_lines(study, runs, longer)),
    ]
    for wanted, many in recorded_studies(plan, SEEDS):
        parts += [
            f"With {count_seeds(wanted)} other seeds (study `{SEEDS}`: "
            f"[table](studies/{SEEDS}/table.md)):",
            markdown(verdict_lines(wanted, many)),
        ]
    return [*parts, *rule(), *tables(study, runs)]
