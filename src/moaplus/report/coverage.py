"""Intervals that hold the mean too rarely: the mark of docs/verdicts.md."""

import functools
from pathlib import Path

import pandas as pd

from moaplus.plan.results import PROBES
from moaplus.storage.frames import load_frame

COVERAGE = PROBES / "interval_coverage.csv"
LEAST = 0.9  # of 95 %; intervals with less are marked
MARK = "†"
EXPLANATION = f"""\
{MARK} marks an interval that cannot be trusted: for this method and quantity, at about as many
seeds, such intervals held the mean in under {100 * LEAST:.0f} % of cases (results/audit.md, the
section on our own intervals, on digits 0 and 1)."""


def is_marked(rows: pd.DataFrame, column: str) -> bool:
    """Tell whether the interval of a mean over seeds is of a kind with a coverage under `LEAST`.

    It was measured by method, quantity and number of seeds; the measured number counts that is
    nearest to that of the rows.

    Args:
        rows: of runs.csv, of one method.
        column: of the quantity.

    Raises:
        UserError: if the table of coverages is damaged.
    """
    if rows.empty or not COVERAGE.exists():
        return False
    path = COVERAGE.resolve()
    measured = _measured(path, path.stat().st_mtime_ns)
    same = measured[(measured["method"] == rows["method"].iloc[0]) & (measured["column"] == column)]
    if same.empty:
        return False
    return bool(same.loc[(same["n"] - len(rows)).abs().idxmin(), "beta_bootstrap_t"] < LEAST)


@functools.lru_cache(maxsize=1)
def _measured(path: Path, changed: int) -> pd.DataFrame:
    """Load the table of coverages, once for each time that it is changed."""
    return load_frame(path, "run `moaplus probe interval_coverage`")
