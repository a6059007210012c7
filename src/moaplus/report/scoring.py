"""runs.csv of a folder of results."""

import pandas as pd

from moaplus.plan.results import Report
from moaplus.report.recording import record_rows
from moaplus.report.rows import reference_rows, run_rows
from moaplus.storage.frames import save_frame


def write_runs(report: Report) -> None:
    """Write one row per run and split, then those of the reference clusterings."""
    rows = [row for run in report.kept_runs for row in run_rows(run)]
    rows += [row for record in report.records for row in record_rows(record)]
    rows += [row for reference in report.references for row in reference_rows(reference)]
    save_frame(report.runs_table, pd.DataFrame(rows))
