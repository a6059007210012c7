"""Specification curves (Simonsohn et al. 2020): sorted outcomes, and the options behind each."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from moaplus.plan.multiverse import Protocol
from moaplus.plan.params import IMAGES, MultiverseBlock
from moaplus.report.multiverse.decisions import OUTCOMES
from moaplus.report.multiverse.surrogate import Surrogate
from moaplus.report.titles import format_images, format_setting


def draw(
    name: str,
    protocols: tuple[Protocol, ...],
    params: MultiverseBlock,
    values: pd.Series,
    surrogate: Surrogate,
) -> Figure:
    """Draw an outcome of each protocol, sorted, and below it a row for each option.

    Args:
        name: of the outcome.
        protocols: of the multiverse.
        params: the block `multiverse` of params.yaml.
        values: the outcome by the number of its protocol.
        surrogate: fitted to it; its noise is the uncertainty of a single protocol.
    """
    values = values.sort_values()
    options = {protocol.number: protocol.options for protocol in protocols}
    rows = [(k, option) for k, few in params.decisions.items() for option in range(len(few))]
    figure = Figure(figsize=(9, 3 + 0.16 * len(rows)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 0.16 * len(rows)])
    positions = np.arange(len(values))
    noise = 1.96 * surrogate.noise
    above.errorbar(positions, values, yerr=noise, fmt="o", ms=3, lw=0.6, color="C0", ecolor="0.75")
    above.axhline(0, color="0.4", lw=0.8)
    above.set_ylabel(OUTCOMES[name].replace(", ", ",\n"))
    for row, (decision, option) in enumerate(rows):
        used = [
            position for position, n in enumerate(values.index) if options[n][decision] == option
        ]
        below.plot(used, [row] * len(used), "|", ms=6, color="0.2")
    below.set_yticks(
        range(len(rows)),
        [_label(protocols, params, *row) for row in rows],
        fontsize=7,
    )
    for first in np.cumsum([len(few) for few in params.decisions.values()])[:-1]:
        below.axhline(first - 0.5, color="0.7", lw=0.6)
    below.set(ylim=(len(rows) - 0.5, -0.5), xlabel="protocols, sorted by the value above")
    below.grid(visible=False)
    return figure


def _label(
    protocols: tuple[Protocol, ...], params: MultiverseBlock, decision: str, option: int
) -> str:
    """Return an option as people read it."""
    if decision != IMAGES:
        return format_setting(decision, params.decisions[decision][option])
    seen = protocols[0].runs[0].selection
    images = params.decisions[IMAGES][option]
    return format_images(*images.selections(seen.dataset, seen.subset_seed))
