"""A contact sheet of clusters."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from moaplus.storage.files import whole_file

TYPICAL, BORDERLINE = 16, 6  # images in a row


def save_sheet(path: Path, images: np.ndarray, concentrations: np.ndarray) -> None:
    """Write a PNG with one row for each cluster.

    In a row stand the images with the highest concentration in the cluster, the highest first, and
    behind a gap those of its images with the lowest, the lowest last.

    Args:
        path: of the file.
        images: (n, h, w) or (n, h, w, 3), any numbers.
        concentrations: (n, M); an image is in the cluster where its concentration is highest.

    Raises:
        UserError: if the file cannot be written.
    """
    clusters = concentrations.argmax(axis=1)
    columns = TYPICAL + 1 + BORDERLINE
    rows = concentrations.shape[1]
    figure, grid = plt.subplots(
        rows, columns, figsize=(0.5 * columns + 1, 0.55 * rows + 0.4), squeeze=False
    )
    low, high = images.min(), images.max()
    for cluster, axes in enumerate(grid):
        members = np.flatnonzero(clusters == cluster)
        order = members[np.argsort(-concentrations[members, cluster], kind="stable")]
        typical, borderline = order[:TYPICAL], order[TYPICAL:][-BORDERLINE:]
        places = [*range(len(typical)), *range(columns - len(borderline), columns)]
        for place, index in zip(places, [*typical, *borderline], strict=True):
            shown = (images[index].astype(np.float32) - low) / (float(high) - float(low) or 1)
            axes[place].imshow(shown, cmap="gray", vmin=0, vmax=1)
        for ax in axes:
            ax.axis("off")
        axes[0].text(
            -0.2, 0.5, f"{cluster}: {len(members):,}", ha="right", va="center",
            transform=axes[0].transAxes,
        )  # fmt: skip
    grid[0, 0].set_title("most typical", loc="left")
    grid[0, TYPICAL + 1].set_title("borderline", loc="left")
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
