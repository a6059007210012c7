"""Settings that what is minimised chooses, in studies that vary them; no label has a part in it."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from moaplus.plan.studies import Study


def with_settings(study: Study, runs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Rows of the training images, with settings of their runs' training as columns."""
    training = {run.folder.as_posix(): run.training for run in study.runs}
    train = runs[runs["split"] == "train"]
    settings = {
        name: [getattr(training[folder], name) for folder in train["folder"]] for name in names
    }
    return train.assign(**settings)


def mean_objectives(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean of what is minimised over seeds, with the last of the settings in columns.

    It is infinite where the training of any seed diverged, which leaves no row.
    """
    groups = rows.groupby(list(by), sort=False)["objective"]
    means = groups.mean().where(groups.count() == rows["seed"].nunique(), np.inf)
    return means.unstack(by[-1]).fillna(np.inf).sort_index(axis=1)


def at_an_end(choices: Iterable[tuple[str, float, Iterable[float]]]) -> str:
    """Whether any choice lies at an end of what was tried; below 0 there is nothing to try.

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
