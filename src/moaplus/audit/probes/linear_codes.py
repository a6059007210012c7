"""What knowing the classes could give: linear codes of each class against one of all images."""

import numpy as np
import pandas as pd

from moaplus.data.images import load_images, load_labels
from moaplus.plan.studies import Plan

EXPERTS = 2  # the talk's
COMPONENTS = (1, 2, 4, 8, 16, 32, 64, 128)


def measure(plan: Plan) -> pd.DataFrame:
    """Compute the losses of both where a default study has two experts, and their ratio.

    A linear code is PCA with so many components; `by_class` has one for each true class. Losses are
    mean squared errors per pixel of the training images.
    """
    rows = []
    runs = [run for run in plan.default_runs.values() if run.experts == EXPERTS]
    selections = dict.fromkeys(run.selection for run in runs)
    for selection in selections:
        images, labels = (load(selection)["train"] for load in (load_images, load_labels))
        pixels = images.reshape(len(images), -1).astype(float)
        one = remainders(pixels)
        parts = [pixels[labels == label] for label in selection.classes]
        by_class = sum(len(part) * remainders(part) for part in parts) / len(pixels)
        for components in COMPONENTS:
            losses = {"one": one[components], "by_class": by_class[components]}
            rows.append(
                {"selection": selection.name, "components": components}
                | losses
                | {"ratio": losses["by_class"] / losses["one"]}
            )
    return pd.DataFrame(rows)


def remainders(pixels: np.ndarray) -> np.ndarray:
    """Compute the loss of PCA of pixels (n, d) with 0, 1, …, d components, (d + 1,)."""
    eigenvalues = np.linalg.eigvalsh(np.cov(pixels, rowvar=False, ddof=0))[::-1]
    rest = eigenvalues.sum() - np.cumsum([0, *eigenvalues])
    return rest.clip(min=0) / pixels.shape[1]
