"""Originals, and their reconstructions by MoA and MoA+."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.studies import Plan
from moaplus.report.drawing import draw_reconstructions, first_seeds
from moaplus.report.runs_table import trained_runs
from moaplus.report.titles import format_images

READS = "samples"  # of each run


def draw(plan: Plan) -> Figure:
    """Draw originals, and what MoA and MoA+ with M = 2 make of them: mixed, and by each expert."""
    pairs = [
        run for run in trained_runs(plan) if run.experts == 2 and run.objective in PAPER_MODELS
    ]
    selections = dict.fromkeys(run.selection for run in pairs)
    figure = plt.figure(figsize=(9, 6.2 * len(selections)), layout="constrained")
    for part, selection in zip(
        np.atleast_1d(figure.subfigures(len(selections), 1)), selections, strict=True
    ):
        runs = [run for run in pairs if run.selection == selection]
        draw_reconstructions(part, first_seeds(runs))
        part.suptitle(format_images(selection))
    return figure
