"""Settings that the training loss chooses, in studies that vary them; no label has a part in it."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd


def mean_objectives(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return the mean training loss over seeds, with the last of the settings in columns.

    It is infinite where the training of any seed diverged, which leaves no row.

    Args:
        rows: of runs.csv.
        by: columns of settings.
    """
    groups = rows.groupby(list(by), sort=False)["objective"]
    means = groups.mean().where(groups.count() == rows["seed"].nunique(), np.inf)
    return means.unstack(by[-1]).fillna(np.inf).sort_index(axis=1)


def at_an_end(choices: Iterable[tuple[str, float, Iterable[float]]]) -> str:
    """Say whether any choice lies at an end of what was tried; below 0 there is nothing to try.

    Args:
        choices: what is chosen, in words; its value; all values that were tried.
    """
    ends = [
        f"{name}: {value:g}"
        for name, value, tried in choices
        if value == max(tried) or (value == min(tried) and value > 0)
    ]
    if not ends:
        return "What is chosen lies inside of the grid."
    return f"**At an end of the grid, so perhaps not the best**: {'; '.join(ends)}."
