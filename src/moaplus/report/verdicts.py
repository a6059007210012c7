"""The verdicts on the paper's claims in a few lines, for the end of a run."""

import pandas as pd

from moaplus.plan.results import CLAIMS_PAGE, RESULTS, report_of
from moaplus.plan.studies import Plan
from moaplus.report.cells import images_in_short
from moaplus.report.claims import PAPER_COMPARISONS
from moaplus.report.paper_section import PAPER, Outcome, count_seeds, epochs_in_words, outcomes_of
from moaplus.report.runs_table import read_runs


def verdicts(plan: Plan) -> str:
    """A line for each figure of the paper and one for its comparisons, and where to read on.

    Raises:
        UserError: if runs.csv is missing or damaged.
    """
    report = report_of(plan, RESULTS)
    where = f"Read on: {report.table}, {CLAIMS_PAGE}"
    if PAPER not in plan.default:
        return where
    study, runs = plan.studies[PAPER], read_runs(report.runs_table)
    columns = {
        images_in_short(selection): _short(outcomes_of(study, runs, selection))
        for selection in dict.fromkeys(run.selection for run in study.runs)
    }
    budget = f"{epochs_in_words(study)}, {count_seeds(study)} seeds"
    table = pd.DataFrame(columns).to_markdown(tablefmt="plain")
    return f"Does MoA+ do what the paper claims? ({budget})\n{table}\n{where}"


def _short(outcomes: list[Outcome]) -> dict[str, str]:
    """Claim -> verdict; of the mixed loss, where a quantity may be either."""
    mixed = [outcome for outcome in outcomes if outcome.column != "routed_error"]
    compared = [outcome for outcome in mixed if outcome.key in PAPER_COMPARISONS]
    figures = [outcome for outcome in mixed if outcome not in compared]
    words = {
        f"{figure.claim}: {figure.paper}": f"{figure.word}, {figure.mean}" for figure in figures
    }
    return words | {"MoA+ has higher NMI; lower loss": "; ".join(o.word for o in compared)}
