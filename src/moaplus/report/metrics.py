"""The headline figures that DVC shows: of the first default study, with its fewest experts."""

import json

from moaplus.plan.results import METRICS, RESULTS, report_of
from moaplus.plan.runs import Selection
from moaplus.plan.studies import Plan, Study
from moaplus.report.cells import common_query, lines_of
from moaplus.report.runs_table import read_runs
from moaplus.storage.files import save_text

SHOWN = {"nmi": "nmi", "loss": "mixture_error"}  # with their columns of runs.csv


def write_metrics(plan: Plan) -> None:
    """Write a file for each selection: method -> NMI and mixed loss, means over seeds.

    Raises:
        UserError: if runs.csv is missing or damaged.
    """
    report = report_of(plan, RESULTS)
    study = report.studies[0]
    train = read_runs(report.runs_table).query(common_query(study, "train"))
    for selection in dict.fromkeys(run.selection for run in study.runs):
        means = {
            name: {
                score: round(float(train.query(query)[column].mean()), 6)
                for score, column in SHOWN.items()
            }
            for name, query in _methods(study, selection).items()
        }
        save_text(METRICS / f"{selection.name}.json", json.dumps(means, indent=2) + "\n")


def _methods(study: Study, selection: Selection) -> dict[str, str]:
    """Objectives with the queries of their rows; by folder where one is trained in two ways."""
    lines = [line for line in lines_of(study, selection) if not line.is_reference]
    fewest = [line for line in lines if line.experts == lines[0].experts]
    several = len({line.method for line in fewest}) < len(fewest)
    return {line.place.strip("`/") if several else line.method: line.query for line in fewest}
