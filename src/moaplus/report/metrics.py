"""The headline figures that DVC shows: of the first default study, with its fewest experts."""

import json

import pandas as pd

from moaplus.plan.results import METRICS, RESULTS, report_of
from moaplus.plan.runs import Selection, Study
from moaplus.plan.studies import Plan
from moaplus.report.lines import Line, lines_of, rows_by_line
from moaplus.report.runs_table import read_runs
from moaplus.storage.files import save_text

SCORES = {"nmi": "nmi", "loss": "mixture_error"}  # with their columns of runs.csv


def write_metrics(plan: Plan) -> None:
    """Write a file for each selection: method -> NMI and mixed loss, means over seeds.

    A mean is null where every training failed.

    Raises:
        UserError: if runs.csv is missing or damaged.
    """
    report = report_of(plan, RESULTS)
    study = report.studies[0]
    rows_of = rows_by_line(study, read_runs(report.runs_table))
    for selection in dict.fromkeys(run.selection for run in study.runs):
        means = {
            name: {score: _mean(rows_of(line, "train")[column]) for score, column in SCORES.items()}
            for name, line in _methods(study, selection).items()
        }
        save_text(METRICS / f"{selection.name}.json", json.dumps(means, indent=2) + "\n")


def _mean(values: pd.Series) -> float | None:
    return round(float(values.mean()), 6) if len(values) else None


def _methods(study: Study, selection: Selection) -> dict[str, Line]:
    """Return the objectives' lines; by configuration where one is trained in two ways."""
    lines = [line for line in lines_of(study, selection) if not line.is_reference]
    fewest = [line for line in lines if line.experts == lines[0].experts]
    several = len({line.method for line in fewest}) < len(fewest)
    return {line.configuration if several else line.method: line for line in fewest}
