"""The verdicts on the paper's claims on one screen: at the end of a run, and of the HTML report."""

from pathlib import Path

import pandas as pd

from moaplus.plan.results import CLAIMS_PAGE, FIGURES, MULTIVERSE, OPENING, RESULTS, report_of
from moaplus.plan.runs import Study
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.claims import PAPER_COMPARISONS, ClaimResult, claim_results, format_verdict
from moaplus.report.html import rendered
from moaplus.report.paper_section import LONG, PAPER, SEEDS, count_seeds, format_epochs
from moaplus.report.runs_table import read_runs, recorded_studies
from moaplus.report.titles import format_images
from moaplus.storage.files import save_text

OPENING_FIGURES = {  # file -> what to see
    FIGURES / "reconstructions.png": "Test images, and what both models make of them",
    MULTIVERSE / "difference.png": "NMI of MoA+ minus that of standard MoA in each of the sampled "
    "protocols, and the decisions that make each",
}


def write_opening(plan: Plan) -> None:
    """Write what the HTML report opens on; the multiverse is in it where that has been run.

    Raises:
        UserError: if runs.csv is missing or damaged, or the file cannot be written.
    """
    parts = []
    if PAPER in plan.default:
        parts += ["**Verdicts**, each with our mean:", markdown(at_a_glance(plan))]
    for path, title in OPENING_FIGURES.items():
        if path.exists():
            parts += [f"{title}:", f"![{title}]({path})"]
    save_text(OPENING, rendered("\n\n".join(parts), Path()))


def verdicts(plan: Plan) -> str:
    """Return a line for each figure of the paper, one for its comparisons, and where to read on.

    Raises:
        UserError: if runs.csv is missing or damaged.
    """
    report = report_of(plan, RESULTS)
    where = f"Read on: {report.table}, {CLAIMS_PAGE}"
    if PAPER not in plan.default:
        return where
    study, runs = plan.studies[PAPER], read_runs(report.runs_table)
    columns = {
        format_images(selection): _in_short(claim_results(study, runs, selection))
        for selection in dict.fromkeys(run.selection for run in study.runs)
    }
    table = pd.DataFrame(columns).to_markdown(tablefmt="plain")
    return f"Does MoA+ do what the paper claims? ({_budget(study)})\n{table}\n{where}"


def at_a_glance(plan: Plan) -> list[dict]:
    """Return a row for each claim: its verdict and our mean, by images and budget.

    Raises:
        UserError: if runs.csv is missing or damaged.
    """
    paper, runs = plan.studies[PAPER], read_runs(report_of(plan, RESULTS).runs_table)
    columns: dict[str, list[ClaimResult]] = {}
    for selection in dict.fromkeys(run.selection for run in paper.runs):
        for study, rows in [(paper, runs), *recorded_studies(plan, SEEDS, LONG)]:
            if selection in {run.selection for run in study.runs}:
                heading = f"{format_images(selection)}, {_budget(study)}"
                columns[heading] = claim_results(study, rows, selection)
    return [
        {"claim": results[0].title, "paper": results[0].paper}
        | {
            heading: f"**{result.verdict.word}**: {_mean(result)}{_single(result)}"
            for heading, result in zip(columns, results, strict=True)
        }
        for results in zip(*columns.values(), strict=True)
    ]


def _in_short(results: list[ClaimResult]) -> dict[str, str]:
    """Return a verdict by claim; of the mixed loss, where a quantity may be either."""
    mixed = [result for result in results if result.column != "routed_error"]
    compared = [result for result in mixed if result.key in PAPER_COMPARISONS]
    figures = [result for result in mixed if result.key not in PAPER_COMPARISONS]
    found = {
        f"{result.title}: {result.paper}": (
            f"{result.verdict.word}, {_mean(result)}{_single(result)}"
        )
        for result in figures
    }
    comparisons = "; ".join(result.verdict.word for result in compared)
    return found | {"MoA+ has higher NMI; lower loss": comparisons}


def _mean(result: ClaimResult) -> str:
    """Print our mean, or that there is none."""
    return (str(result.cell) if result.collapsed else result.cell.mean) or "no runs"


def _single(result: ClaimResult) -> str:
    """Print whether a single run could have shown a figure."""
    return f"; one run: {format_verdict(result.single.verdict)}" if result.single else ""


def _budget(study: Study) -> str:
    return f"{format_epochs(study)}, {count_seeds(study)} seeds"
