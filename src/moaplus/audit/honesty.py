"""Whether our own intervals say what they claim to."""

from moaplus.audit.section import Section, read_probe
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.claims import HOLDS, OPEN
from moaplus.report.quantities import QUANTITIES
from moaplus.report.titles import METHODS

KINDS = {
    "percentile_bootstrap": "percentile bootstrap",
    "student_t": "Student's t",
    "beta_bootstrap_t": "beta bootstrap-t (ours)",
}
WANTED = 0.93


def interval_coverages(plan: Plan) -> list[Section]:
    """Coverage of the intervals in all tables, on a pool of seeds that no table uses."""
    probe = read_probe("interval_coverage")
    varied = probe[probe["percentile_bootstrap"] < 1]  # a score that is the same for all seeds
    table = [
        {
            "quantity": f"{QUANTITIES[row['column']].heading}, {METHODS[row['method']]}",
            "seeds": row["n"],
        }
        | {title: f"{row[kind]:.3f}" for kind, title in KINDS.items()}
        for _, row in probe.iterrows()
    ]
    least = varied.groupby("n")["beta_bootstrap_t"].min()
    return [
        Section(
            claim=f"Our 95 % intervals hold the mean in at least {WANTED:.0%} of cases (ours)",
            tested="Samples of 5, 10 and 20 are drawn from many seeds of digits 0 and 1 (study "
            "`seeds`), and the intervals that hold the mean of all of them are counted.",
            outcome=f"Of {probe['pool'].max()} seeds: the least coverage over all quantities is "
            + ", ".join(f"{share:.3f} at {n} seeds" for n, share in least.items())
            + "."
            if len(probe)
            else "The study `seeds` has not been run under these settings.",
            verdict=_verdict(least),
            files="[interval_coverage.csv](probes/interval_coverage.csv)",
            body=[markdown(table)] if table else [],
        )
    ]


def _verdict(least) -> str:
    if least.empty:
        return OPEN
    short = [str(n) for n, share in least.items() if share < WANTED]
    return f"does not hold at {' and '.join(short)} seeds" if short else HOLDS
