"""The paper's claims: after the default budget, after a long one, and with many seeds."""

import pandas as pd

from moaplus.plan.runs import Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.paper_section import (
    LONG,
    SEEDS,
    SINGLE,
    count_seeds,
    rule,
    single_run_lines,
    tables,
    verdict_lines,
)
from moaplus.report.runs_table import recorded_studies

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


def verdicts(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Write the verdicts at both budgets, and those of many seeds."""
    longer = next(iter(recorded_studies(plan, LONG)), None)
    parts = [
        "**The paper's claims**, each with our mean and its verdict by "
        "[the rule](table.md#the-rule-of-the-verdicts):",
        markdown(verdict_lines(study, runs, longer)),
        'The paper says only "MNIST, M = 2": it names neither the classes nor the number of '
        f"images, so both readings are run. The means are over {count_seeds(study)} seeds"
        + (
            ". The long training has not been run under these settings."
            if longer is None
            else f", after the long training over {count_seeds(longer[0])} "
            f"(study `{LONG}`: [table](studies/{LONG}/table.md))."
        ),
        SINGLE,
        markdown(single_run_lines(study, runs, longer)),
    ]
    for wanted, many in recorded_studies(plan, SEEDS):
        parts += [
            f"With {count_seeds(wanted)} other seeds (study `{SEEDS}`: "
            f"[table](studies/{SEEDS}/table.md)):",
            markdown(verdict_lines(wanted, many)),
            markdown(single_run_lines(wanted, many)),
        ]
    return [*parts, "Why, and what the paper claims beyond its table: [claims.md](claims.md)."]


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Write the verdicts, and what they rest on."""
    return [*verdicts(study, runs, plan), *evidence(study, runs)]


def evidence(study: Study, runs: pd.DataFrame) -> list[str]:
    """Write the rule of the verdicts, and the paper's table beside ours."""
    return ["## What the verdicts rest on", *rule(), *tables(study, runs)]
