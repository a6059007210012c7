"""Reconstructions by the MoA+ objectives."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from moaplus.audit.section import MOA_PLUS
from moaplus.plan.studies import Plan
from moaplus.report.drawing import draw_reconstructions, first_seeds
from moaplus.report.runs_table import trained_runs


def draw(plan: Plan) -> Figure:
    """Draw reconstructions by each MoA+ objective with M = 2, first selection and seed."""
    runs = [run for run in trained_runs(plan) if run.experts == 2 and run.objective in MOA_PLUS]
    first = first_seeds(runs)
    figure = plt.figure(figsize=(9, 1 + 2.3 * len(first)), layout="constrained")
    if first:
        draw_reconstructions(figure, first)
    return figure
