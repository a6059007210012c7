"""A contact sheet of clusters: one mosaic."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from moaplus.clusterer.pictures import SOFTWARE
from moaplus.storage.files import whole_file

TYPICAL, BORDERLINE = 16, 6  # images in a row
CELL, GAP = 48, 4  # pixels of an image's side, and between images
LEFT, TOP = 96, 28  # pixels of the margins, where sizes and headings stand
FONT = 16  # pixels
MOST_ROWS = 200  # that a sheet shows: PNG files of more are hard to open


def save_sheet(path: Path, images: np.ndarray, concentrations: np.ndarray) -> None:
    """Write what `draw_sheet` draws as PNG.

    Raises:
        UserError: if the file cannot be written.
    """
    sheet = draw_sheet(images, concentrations)
    facts = PngImagePlugin.PngInfo()
    facts.add_text("Software", SOFTWARE)
    with whole_file(path) as temporary:
        sheet.save(temporary, format="png", pnginfo=facts)


def draw_sheet(images: np.ndarray, concentrations: np.ndarray) -> Image.Image:
    """Draw one row for each cluster.

    In a row stand the images with the highest concentration in the cluster, the highest first, and
    behind a gap those of its images with the lowest, the lowest last. Of many clusters the largest
    are shown.

    Args:
        images: (n, h, w), (n, h, w, 3) or (n, h, w, 4), any numbers.
        concentrations: (n, M); an image is in the cluster where its concentration is highest.
    """
    clusters = concentrations.argmax(axis=1)
    sizes = np.bincount(clusters, minlength=concentrations.shape[1])
    shown = np.sort(np.argsort(-sizes, kind="stable")[:MOST_ROWS])
    low, high = np.float64(images.min()), np.float64(images.max())
    columns, step = TYPICAL + 1 + BORDERLINE, CELL + GAP
    sheet = Image.new("RGB", (LEFT + columns * step, TOP + len(shown) * step), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT)
    draw.text((LEFT, TOP / 2), "most typical", "black", font, anchor="lm")
    draw.text((LEFT + (TYPICAL + 1) * step, TOP / 2), "borderline", "black", font, anchor="lm")
    for row, cluster in enumerate(shown):
        y = TOP + row * step
        size = f"{cluster}: {sizes[cluster]:,}"
        draw.text((LEFT - 2 * GAP, y + CELL / 2), size, "black", font, anchor="rm")
        for column, index in cells(concentrations[:, cluster], clusters == cluster):
            grey = (np.float64(images[index]) - low) / (high - low or 1)
            sheet.paste(_cell(grey), (LEFT + column * step, y))
    return sheet


def cells(concentrations: np.ndarray, members: np.ndarray) -> list[tuple[int, int]]:
    """Return the column and the index of each image in a cluster's row.

    Args:
        concentrations: of the cluster, (n,).
        members: which images are in it, (n,).
    """
    found = np.flatnonzero(members)
    order = found[np.argsort(-concentrations[found], kind="stable")]
    typical, borderline = order[:TYPICAL], order[TYPICAL:][-BORDERLINE:]
    first = TYPICAL + 1 + BORDERLINE - len(borderline)
    return [*enumerate(map(int, typical)), *enumerate(map(int, borderline), first)]


def _cell(image: np.ndarray) -> Image.Image:
    """Return an image (h, w, …), from 0 to 1, scaled to a cell; the ratio of its sides is kept."""
    picture = Image.fromarray(np.uint8(np.round(255 * np.squeeze(image))))
    larger = max(picture.size)
    way = Image.Resampling.NEAREST if larger <= CELL else Image.Resampling.BILINEAR
    sides = [max(1, round(side * CELL / larger)) for side in picture.size]
    cell = Image.new("RGB", (CELL, CELL), "white")
    cell.paste(picture.resize(sides, way), ((CELL - sides[0]) // 2, (CELL - sides[1]) // 2))
    return cell
