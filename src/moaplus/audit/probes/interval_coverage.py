"""How often three kinds of intervals hold the mean that they are of, on scores of our own."""

from itertools import product

import pandas as pd

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.studies import Plan
from moaplus.report.runs_table import recorded_studies
from moaplus.theory import intervals

STUDY = "seeds"  # many seeds of the paper's two models
KINDS = ("percentile_bootstrap", "student_t", "beta_bootstrap_t")
SEEDS = (5, 10, 20)
SAMPLES = 2000  # the standard error of a share near 0.95 is 0.005
COLUMNS = ("nmi", "mixture_error", "routed_error")


def measure(plan: Plan) -> pd.DataFrame:
    """Coverage by method, quantity, number of seeds and kind of interval."""
    rows = []
    for (_, runs), method in product(recorded_studies(plan, STUDY), PAPER_MODELS):
        train = runs[(runs["method"] == method) & (runs["split"] == "train")]
        for column in COLUMNS:
            pool = train[column].to_numpy()
            for n in SEEDS:
                of_each = {
                    kind: intervals.coverage(getattr(intervals, kind), pool, n, SAMPLES)
                    for kind in KINDS
                }
                rows.append({"method": method, "column": column, "pool": len(pool), "n": n})
                rows[-1] |= of_each
    return pd.DataFrame(rows, columns=["method", "column", "pool", "n", *KINDS])
