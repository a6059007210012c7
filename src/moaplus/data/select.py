"""The step from raw files to the images and labels of one selection."""

import hashlib
from pathlib import Path

import numpy as np

from moaplus.plan.runs import Selection
from moaplus.storage.arrays import save_arrays
from moaplus.storage.files import UserError
from moaplus.storage.idx import load_idx

SIDE = 28
SAMPLE_IMAGES = 20  # that figures show
FILE_PREFIXES = {"train": "train", "test": "t10k"}  # by split


def select(selection: Selection, raw_files: dict[Path, str]) -> None:
    """Write the selection's images and labels, each a npz with `train` and `test`.

    The test split holds all test images of the selection's classes. With the images are the indices
    of 20 test images, as many of each class, in their order: `shown`, for figures.

    Args:
        selection: the data set, its classes and the number of images.
        raw_files: the four files of its data set, each with its MD5.

    Raises:
        UserError: if a raw file is damaged, a class is absent, or too many images are asked for.
    """
    images, labels = {}, {}
    for path, md5 in raw_files.items():
        if not path.exists() or md5_of(path) != md5:
            raise UserError(
                f"{path}: missing, wrong or truncated; run `moaplus fetch {selection.dataset}`"
            )
    for split, prefix in FILE_PREFIXES.items():
        parts = {
            path.name.split("-")[1]: path for path in raw_files if path.name.startswith(prefix)
        }
        all_images, all_labels = read_idx(parts["images"], 3), read_idx(parts["labels"], 1)
        missing = set(selection.classes) - set(all_labels.tolist())
        if missing:
            raise UserError(f"params.yaml: classes: {selection.dataset} has no {sorted(missing)}")
        chosen = np.flatnonzero(np.isin(all_labels, selection.classes))
        if split == "train" and selection.images is not None:
            chosen = _stratified(chosen, all_labels[chosen], selection)
        images[split], labels[split] = all_images[chosen], all_labels[chosen]
    per_class = SAMPLE_IMAGES // len(selection.classes)
    first = [np.flatnonzero(labels["test"] == c)[:per_class] for c in selection.classes]
    save_arrays(selection.images_path, **images, shown=np.sort(np.concatenate(first)))
    save_arrays(selection.labels_path, **labels)


def md5_of(path: Path) -> str:
    """Return the MD5 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _stratified(chosen: np.ndarray, labels: np.ndarray, selection: Selection) -> np.ndarray:
    """Draw a seeded subset of `chosen`, stratified by class and in the original order."""
    from sklearn.model_selection import train_test_split

    n = selection.images
    if n == len(chosen):
        return chosen
    if not len(selection.classes) <= n <= len(chosen) - len(selection.classes):
        raise UserError(
            f"params.yaml: images: {n} is not allowed for {selection.name}, which has "
            f"{len(chosen)} images of {len(selection.classes)} classes; "
            f"allowed: all, or {len(selection.classes)} to {len(chosen) - len(selection.classes)}"
        )
    subset, _ = train_test_split(
        chosen, train_size=n, stratify=labels, random_state=selection.subset_seed
    )
    return np.sort(subset)


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an idx file of a data set: images (n, 28, 28) or labels (n,), uint8.

    Raises:
        UserError: if the file is missing, truncated or in another format.
    """
    try:
        values = load_idx(path)
        if values.ndim != dimensions or values.shape[1:] not in ((), (SIDE, SIDE)):
            raise ValueError(f"its shape is {values.shape}")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: cannot be read ({error}); delete it and run `moaplus fetch`"
        ) from error
    return values
