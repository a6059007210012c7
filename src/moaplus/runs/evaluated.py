"""What evaluation leaves of a run, read back without torch."""

import numpy as np

from moaplus.plan.runs import SPLITS, Run
from moaplus.storage.arrays import load_arrays

ARRAYS = ("concentrations", "errors", "mixture_errors")  # of each split
SAMPLE_ARRAYS = ("shown", "originals", "reconstructions", "concentrations")


def load_concentrations(run: Run) -> dict[str, np.ndarray]:
    """Arrays of `concentrations.npz`, as `evaluation.evaluate` describes them.

    Raises:
        UserError: if the file is missing or damaged.
    """
    names = [f"{split}_{name}" for split in SPLITS for name in ARRAYS]
    return load_arrays(run.concentrations, *names, "noise_errors")


def load_samples(run: Run) -> dict[str, np.ndarray]:
    """Arrays of `samples.npz`, as `evaluation.evaluate` describes them.

    Raises:
        UserError: if the file is missing or damaged.
    """
    return load_arrays(run.samples, *SAMPLE_ARRAYS)
