"""What the HTML report opens on: the verdicts, and the figures that show most."""

from pathlib import Path

from moaplus.plan.results import FIGURES, MULTIVERSE, OPENING, RESULTS, report_of
from moaplus.plan.studies import Plan
from moaplus.report.html import rendered
from moaplus.report.pages import paper
from moaplus.report.paper_section import PAPER
from moaplus.report.runs_table import read_runs
from moaplus.storage.files import save_text

SHOWN = {  # file -> what to see
    FIGURES / "reconstructions.png": "Test images, and what both models make of them",
    MULTIVERSE / "difference.png": "NMI of MoA+ minus that of standard MoA in each of the sampled "
    "protocols, and the decisions that make each",
}


def write_opening(plan: Plan) -> None:
    """Write it as part of an HTML page; the multiverse is in it where that has been run.

    Raises:
        UserError: if runs.csv is missing or damaged, or it cannot be written.
    """
    parts = []
    if PAPER in plan.default:
        runs = read_runs(report_of(plan, RESULTS).runs_table)
        parts += paper.at_a_glance(plan.studies[PAPER], runs, plan)
    for path, words in SHOWN.items():
        if path.exists():
            parts += [f"{words}:", f"![{words}]({path})"]
    save_text(OPENING, rendered("\n\n".join(parts), Path()))
