"""The coverage of our own intervals."""

import pandas as pd

from moaplus.audit.section import Section, read_probe
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.claims import FAILS, HOLDS, NEITHER, OPEN, Verdict
from moaplus.report.quantities import QUANTITIES
from moaplus.report.titles import METHODS
from moaplus.theory.intervals import RESAMPLES

INTERVALS = {
    "percentile_bootstrap": "percentile bootstrap",
    "student_t": "Student's t",
    "beta_bootstrap_t": "beta bootstrap-t (ours)",
}
OURS, MIN_COVERAGE = "beta_bootstrap_t", 0.93
TOLERANCE = 0.01  # twice the standard error of a share


def interval_coverages(plan: Plan) -> list[Section]:
    """Report the coverage of the intervals of all tables, on a pool of seeds that no table uses."""
    probe = read_probe("interval_coverage")
    table = [
        {"quantity": f"{_quantity(row)}, {METHODS[row['method']]}", "seeds": row["n"]}
        | {title: f"{row[kind]:.3f}" for kind, title in INTERVALS.items()}
        for _, row in probe.iterrows()
    ]
    least = probe.loc[probe.groupby("method", sort=False)[OURS].idxmin()]
    return [
        Section(
            key="interval_coverage",
            claim="Our 95 % intervals hold the mean in at least "
            f"{MIN_COVERAGE:.0%} of cases (ours)",
            tested="Samples of 5, 10 and 20 are drawn from many seeds of digits 0 and 1 (study "
            "`seeds`), and the intervals that hold the mean of all of them are counted. A share is "
            f"below {MIN_COVERAGE:.0%} if it is so by more than {TOLERANCE}, twice its standard "
            f"error. For so many samples the intervals are made by {RESAMPLES:,} resamples; those "
            "of the tables are the same integrated.",
            outcome=f"Of {probe['pool'].max()} seeds. Least coverage: {_format_least(least)}. A "
            "score that is the same for most seeds and far off for a few has a mean that no "
            "interval of few seeds can find."
            if len(probe)
            else "The study `seeds` has not been run under these settings.",
            verdict=Verdict(
                NEITHER,
                "; ".join(
                    f"{METHODS[row['method']]}: {_verdict(row)}" for _, row in least.iterrows()
                ),
            )
            if len(probe)
            else Verdict(OPEN),
            files="[interval_coverage.csv](probes/interval_coverage.csv)",
            body=[markdown(table)] if table else [],
        )
    ]


def _quantity(row: pd.Series) -> str:
    return QUANTITIES[row["column"]].heading


def _format_least(least: pd.DataFrame) -> str:
    return "; ".join(
        f"{METHODS[row['method']]} {row[OURS]:.3f} ({_quantity(row)}, {row['n']} seeds)"
        for _, row in least.iterrows()
    )


def _verdict(row: pd.Series) -> str:
    if row[OURS] < MIN_COVERAGE - TOLERANCE:
        return f"{FAILS} ({_quantity(row)}, {row['n']} seeds)"
    return HOLDS
