"""The step that runs a probe: each writes one CSV file of results/probes."""

import importlib

from moaplus.plan.results import PROBES
from moaplus.plan.studies import Plan
from moaplus.storage.frames import save_frame


def write_probe(name: str, plan: Plan) -> None:
    """Run the probe of one module of `probes` and write its table."""
    probe = importlib.import_module(f"moaplus.audit.probes.{name}")
    save_frame(PROBES / f"{name}.csv", probe.measure(plan))
