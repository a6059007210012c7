"""The paper's claims: after the default budget, after a long one, and with many seeds."""

import pandas as pd

from moaplus.plan.studies import Plan, Study
from moaplus.report.cells import ROWS, markdown
from moaplus.report.paper_section import count_seeds, rule, tables, verdict_lines
from moaplus.report.recording import recorded_runs

LONG, SEEDS = "long", "seeds"  # studies of the same question: docs/studies.md


def sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Verdicts at both budgets, those of many seeds, and the paper's table beside ours."""
    later, many = (
        recorded_runs(plan.studies[name].runs) if name in plan.studies else None
        for name in (LONG, SEEDS)
    )
    longer = None if later is None else (plan.studies[LONG], later)
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
    if many is not None:
        wanted = plan.studies[SEEDS]
        lines = verdict_lines(wanted, many)
        parts += [
            f"With {count_seeds(wanted)} other seeds (study `{SEEDS}`: "
            f"[table](studies/{SEEDS}/table.md)):",
            markdown([{k: v for k, v in line.items() if k != ROWS} for line in lines]),
        ]
    return [*parts, *rule(), *tables(study, runs)]
