"""A user's own images: a folder of pictures, an array, or an idx file."""

import math
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from moaplus.data.idx import load_idx
from moaplus.storage.files import UserError

SUFFIXES = (".png", ".jpg", ".jpeg")
ALLOWED = "a folder of PNG or JPEG pictures, an npy or npz array, or an idx file"
GREY_MODES = {"1", "L", "LA"}
MAX_BYTES = 2**31  # of all pictures together


def load_pictures(path: Path) -> tuple[list[str], np.ndarray]:
    """Read images, or features.

    Args:
        path: a folder, whose PNG and JPEG files are taken in the order of their names, those of
            folders in it too; a npy file, or a npz file of one array, never unpickled; or an idx
            file of unsigned bytes, gzipped or not.

    Returns:
        A name for each: its path in the folder, or its index in the array.
        Images (n, h, w) or (n, h, w, 3), or features (n, d).

    Raises:
        UserError: if it is missing, cannot be read, holds images of different sizes, is too large,
            or is none of these.
    """
    if path.is_dir():
        return _folder(path)
    try:
        images = _array(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder; allowed: {ALLOWED}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({error}); allowed: {ALLOWED}") from error
    if images.ndim not in (2, 3, 4) or images.dtype.kind not in "buif":
        raise UserError(
            f"{path}: an array of {images.dtype} and shape {images.shape}; allowed: numbers of "
            "shape (n, h, w), (n, h, w, colours) or (n, features)"
        )
    return [str(index) for index in range(len(images))], images


def _array(path: Path) -> np.ndarray:
    if path.suffix not in (".npy", ".npz"):
        return load_idx(path)
    array = np.load(path, mmap_mode="r" if path.suffix == ".npy" else None, allow_pickle=False)
    if path.suffix == ".npz":
        with array:
            if len(array.files) != 1:
                raise ValueError(f"it holds {len(array.files)} arrays, not one: {array.files}")
            array = array[array.files[0]]
    if array.nbytes > MAX_BYTES:
        raise ValueError(_too_large(array.nbytes))
    return np.asarray(array)


def _folder(folder: Path) -> tuple[list[str], np.ndarray]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"{folder}: holds no pictures; allowed: {', '.join(SUFFIXES)}")
    headers = [_read(path, lambda opened: (opened.size, opened.mode)) for path in paths]
    mode, dtype, colours = _common(folder, {mode for _, mode in headers})
    width, height = headers[0][0]
    for path, (size, _) in zip(paths, headers, strict=True):
        if size != (width, height):
            raise UserError(
                f"{path}: {size[0]}×{size[1]} pixels, where {paths[0]} has {width}×{height}; "
                "scale all to one size"
            )
    shape = (len(paths), height, width, *colours)
    if (size := math.prod(shape) * dtype.itemsize) > MAX_BYTES:
        raise UserError(f"{folder}: {_too_large(size)}")
    images = np.empty(shape, dtype)
    for row, path in zip(images, paths, strict=True):
        row[...] = _read(path, lambda opened: np.asarray(opened.convert(mode)))
    return [path.relative_to(folder).as_posix() for path in paths], images


def _common(folder: Path, modes: set[str]) -> tuple[str, np.dtype, tuple[int, ...]]:
    """Return the mode to read all pictures in, with its type and its colours."""
    deep = {mode for mode in modes if mode.startswith("I")}  # convert("L") would cut them off
    if deep and deep != modes:
        raise UserError(f"{folder}: some pictures have 16 bits and others 8; convert them to one")
    if deep:
        return "I", np.dtype(np.int32), ()
    return (
        ("L", np.dtype(np.uint8), ()) if modes <= GREY_MODES else ("RGB", np.dtype(np.uint8), (3,))
    )


def _read(path: Path, take: Callable):
    try:
        with Image.open(path) as opened:
            return take(opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: cannot be read ({error}); replace it or take it out") from error


def _too_large(size: int) -> str:
    return f"{size / 2**30:.1f} GiB, more than {MAX_BYTES / 2**30:.0f}; scale the images down first"
