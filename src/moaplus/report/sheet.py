"""A contact sheet of clusters."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from moaplus.storage.files import whole_file

TYPICAL, BORDERLINE = 16, 6  # images in a row


def save_sheet(path: Path, images: np.ndarray, concentrations: np.ndarray) -> None:
    """Write what `draw_sheet` draws as PNG.

    Raises:
        UserError: if the file cannot be written.
    """
    figure = draw_sheet(images, concentrations)
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", bbox_inches="tight", metadata={"Software": None})


def draw_sheet(images: np.ndarray, concentrations: np.ndarray) -> Figure:
    """Draw one row for each cluster.

    In a row stand the images with the highest concentration in the cluster, the highest first, and
    behind a gap those of its images with the lowest, the lowest last.

    Args:
        images: (n, h, w) or (n, h, w, 3), any numbers.
        concentrations: (n, M); an image is in the cluster where its concentration is highest.
    """
    clusters = concentrations.argmax(axis=1)
    rows, columns = concentrations.shape[1], TYPICAL + 1 + BORDERLINE
    figure = Figure(figsize=(0.5 * columns + 1, 0.55 * rows + 0.4))
    grid = figure.subplots(rows, columns, squeeze=False)
    low, high = images.min(), images.max()
    for cluster, axes in enumerate(grid):
        members = np.flatnonzero(clusters == cluster)
        order = members[np.argsort(-concentrations[members, cluster], kind="stable")]
        typical, borderline = order[:TYPICAL], order[TYPICAL:][-BORDERLINE:]
        columns_used = [*range(len(typical)), *range(columns - len(borderline), columns)]
        for column, index in zip(columns_used, [*typical, *borderline], strict=True):
            shown = (images[index].astype(np.float32) - low) / (float(high) - float(low) or 1)
            axes[column].imshow(shown, cmap="gray", vmin=0, vmax=1)
        for ax in axes:
            ax.axis("off")
        size, beside = f"{cluster}: {len(members):,}", axes[0].transAxes
        axes[0].text(-0.2, 0.5, size, ha="right", va="center", transform=beside)
    grid[0, 0].set_title("most typical", loc="left")
    grid[0, TYPICAL + 1].set_title("borderline", loc="left")
    return figure
