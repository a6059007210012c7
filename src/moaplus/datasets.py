"""From verified raw files to the images and labels of one selection."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from moaplus.files import UserError, save_arrays
from moaplus.plan import SPLITS, Selection, raw_files

SIDE = 28
# Of the files in data/raw, in the order of `raw_files`.
MD5 = {
    "mnist": (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
    "fashion-mnist": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    "kmnist": (
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
}
IDX_MAGIC = {3: 0x00000803, 1: 0x00000801}  # unsigned bytes, by number of dimensions


def select(selection: Selection) -> None:
    """Write the selection's images and labels, each a npz with `train` and `test`.

    The test split holds all test images of the selection's classes.

    Raises:
        UserError: if a raw file is damaged, a class is absent, or too many images are asked for.
    """
    images, labels = {}, {}
    for path, md5 in zip(raw_files(selection.dataset), MD5[selection.dataset], strict=True):
        if not path.exists() or md5_of(path) != md5:
            raise UserError(
                f"{path}: missing, wrong or truncated; run `moaplus data {selection.dataset}`"
            )
    paths = iter(raw_files(selection.dataset))
    for split in SPLITS:
        all_images, all_labels = read_idx(next(paths), 3), read_idx(next(paths), 1)
        missing = set(selection.classes) - set(all_labels.tolist())
        if missing:
            raise UserError(f"params.yaml: classes: {selection.dataset} has no {sorted(missing)}")
        chosen = np.flatnonzero(np.isin(all_labels, selection.classes))
        if split == "train" and selection.images is not None:
            chosen = _stratified(chosen, all_labels[chosen], selection)
        images[split], labels[split] = all_images[chosen], all_labels[chosen]
    save_arrays(selection.images_path, **images)
    save_arrays(selection.labels_path, **labels)


def md5_of(path: Path) -> str:
    """MD5 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _stratified(chosen: np.ndarray, labels: np.ndarray, selection: Selection) -> np.ndarray:
    """A seeded subset of `chosen` with the classes' proportions kept, in the original order."""
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
    """Read an idx file, gzipped or not: images (n, 28, 28) or labels (n,), uint8.

    Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

    Raises:
        UserError: if the file is missing, truncated or in another format.
    """
    mend = "delete it and run `moaplus data`"
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({error}); {mend}") from error
    size = 4 * (1 + dimensions)
    header = np.frombuffer(content[:size].ljust(size, b"\0"), dtype=">u4")
    if header[0] != IDX_MAGIC[dimensions] or len(content) < size:
        raise UserError(f"{path}: not an idx file of {dimensions} dimensions; {mend}")
    shape = tuple(int(size) for size in header[1:])
    values = np.frombuffer(content, dtype=np.uint8, offset=header.nbytes)
    if shape[1:] not in ((), (SIDE, SIDE)) or len(values) != np.prod(shape):
        raise UserError(f"{path}: {len(values)} bytes of data where {shape} are stated; {mend}")
    return values.reshape(shape)
