"""The images and the labels of a selection."""

import numpy as np

from moaplus.plan.runs import SPLITS, Selection
from moaplus.storage.arrays import load_arrays


def load_images(selection: Selection) -> dict[str, np.ndarray]:
    """Load the images of both splits, float32 (n, 28, 28), grey values in [0, 1]."""
    arrays = load_arrays(selection.images_path, *SPLITS)
    return {split: np.divide(arrays[split], 255, dtype=np.float32) for split in SPLITS}


def load_shown(selection: Selection) -> np.ndarray:
    """Load the indices of the test images that figures show, (20,) or a few less."""
    return load_arrays(selection.images_path, "shown")["shown"]


def load_labels(selection: Selection) -> dict[str, np.ndarray]:
    """Load the labels of both splits, uint8 (n,)."""
    return load_arrays(selection.labels_path, *SPLITS)
