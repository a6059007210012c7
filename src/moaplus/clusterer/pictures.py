"""A user's own inputs: a folder of pictures, a list of their paths, an array, or a table."""

import gzip
import io
import os
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from moaplus.clusterer.inputs import COLOURS
from moaplus.clusterer.tables import load_csv, load_parquet
from moaplus.storage.files import UserError
from moaplus.storage.idx import parse_idx

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")
ALLOWED = (
    "a folder of pictures, an npy or npz array, an idx file, or a CSV or Parquet table of features"
)
LARGEST = 64  # pixels of a side that are kept; the mixture sees 28
SHOWN = 5  # names in a message
ORIENTATION = 0x0112  # the EXIF tag
SOFTWARE = "moaplus"  # what the contact sheets say of themselves
OUTPUT = "outputs of moaplus"


@dataclass(frozen=True)
class Pictures:
    """Inputs, and where they are from.

    Attributes:
        names: of each: its path in the folder, or its index in the array.
        images: (n, h, w) or (n, h, w, 3), of uint8, or float32 from 0 to 255 where a picture has 16
            bits; of an array its own; or features (n, d).
        paths: of the files; none of an array.
        left_out: how many files were not taken, by reason.
    """

    names: list[str]
    images: np.ndarray
    paths: list[Path]
    left_out: Counter

    @property
    def note(self) -> str:
        """Return in a line what was left out."""
        return ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())


@dataclass(frozen=True)
class Form:
    """How pictures are read, so that all of them are of one kind.

    Attributes:
        shape: (h, w) of grey ones, (h, w, 3) of coloured ones; None: as they are, no larger than
            `LARGEST`, and square if their sizes differ.
        aspect: whether a picture keeps the ratio of its sides, amid the background.
        background: a colour as Pillow names it, behind transparent pixels and beside pictures.
    """

    shape: tuple[int, ...] | None = None
    aspect: bool = False
    background: str = "white"


def load_pictures(
    source: Path | Iterable[Path],
    form: Form = Form(),
    *,
    array: str | None = None,
    skip_bad: bool = False,
) -> Pictures:
    """Read images, or features.

    Args:
        source: a folder, whose pictures are taken in the order of their names, those of folders in
            it too, hidden ones not; or a list of pictures; an npy file, or an npz file, never
            unpickled; an idx file of unsigned bytes; a CSV or Parquet table of features. Files may
            be gzipped; what they are is told by their content.
        form: of pictures.
        array: the array to take from an npz file of several.
        skip_bad: whether damaged pictures are left out, in place of an error.

    Raises:
        UserError: if it is missing, cannot be read, or is none of these.
    """
    if isinstance(source, str | Path) and not Path(source).is_dir():
        return _array(Path(source), array)
    if array:
        raise UserError(f"{source}: no npz file: leave out --array")
    if isinstance(source, str | Path):
        folder, left_out = Path(source), Counter()
        paths = sorted(_walk(folder, left_out))
        names = [path.relative_to(folder).as_posix() for path in paths]
    else:
        paths = [Path(path) for path in source]
        names, left_out = [str(path) for path in paths], Counter()
    if not paths:
        kinds = ", ".join(SUFFIXES)
        note = f" ({Pictures([], np.empty(0), [], left_out).note})" if left_out else ""
        raise UserError(f"{source}: holds no pictures{note}; allowed: {kinds}")
    with warnings.catch_warnings():  # of large pictures, and of their metadata
        warnings.simplefilter("ignore")
        return _read_all(str(source), names, paths, form, left_out, skip_bad)


def read_picture(path: Path, form: Form) -> np.ndarray:
    """Read one picture in a form that has a shape, (h, w) or (h, w, 3).

    Turned as its EXIF orientation says, without transparency, and scaled.

    Raises:
        OSError, SyntaxError, ValueError: if it is damaged.
    """
    with Image.open(path) as picture:
        (height, width), colours = form.shape[:2], form.shape[2:]
        picture.draft(None, (4 * width, 4 * height))  # of a JPEG, decoded smaller
        deep = picture.mode.startswith("I")
        upright = ImageOps.exif_transpose(picture)
        if deep:  # 16 bits
            picture = Image.fromarray(np.float32(upright) / 257, "F")
        else:
            picture = _opaque(upright, form.background).convert("RGB" if colours else "L")
        if form.aspect:
            background = Image.new("RGB", (1, 1), form.background).convert(picture.mode)
            fitted = ImageOps.contain(picture, (width, height), Image.Resampling.BILINEAR)
            picture = Image.new(picture.mode, (width, height), background.getpixel((0, 0)))
            picture.paste(fitted, ((width - fitted.width) // 2, (height - fitted.height) // 2))
        elif picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3)
        values = np.asarray(picture)
    return np.repeat(values[..., None], 3, axis=2) if deep and colours else values


def _walk(folder: Path, left_out: Counter) -> Iterator[Path]:
    """Yield the pictures of a folder, links to folders followed; count what else there is."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:  # a loop of links
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        hidden = {name for name in folders if name.startswith(".") or name == "__MACOSX"}
        left_out["hidden folders"] += len(hidden)
        folders[:] = [name for name in folders if name not in hidden]
        for name in files:
            if name.startswith("."):
                left_out["hidden files"] += 1
            elif Path(name).suffix.lower() not in SUFFIXES:
                left_out["files that are no pictures"] += 1
            else:
                yield Path(place, name)
    for reason in [reason for reason, count in left_out.items() if not count]:
        del left_out[reason]


def _read_all(
    source: str,
    names: list[str],
    paths: list[Path],
    form: Form,
    left_out: Counter,
    skip_bad: bool,
) -> Pictures:
    """Read pictures in two passes: what they are, and what they show."""
    bad: dict[int, str] = {}
    found = {}
    for index, path in enumerate(paths):
        try:
            found[index] = _kind(path)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            bad[index] = _line(error)
    ours = [index for index, kind in found.items() if kind is None]
    left_out.update({OUTPUT: len(ours)} if ours else {})
    kinds = [kind for kind in found.values() if kind]
    shape = form.shape or (_common_shape(kinds) if kinds else (1, 1))
    deep = any(deep for *_, deep in kinds)
    wanted = Form(shape, form.aspect, form.background)
    rows = [index for index, kind in found.items() if kind]
    images = np.empty((len(rows), *shape), np.float32 if deep else np.uint8)
    kept = []
    for index in rows:
        try:
            images[len(kept)] = read_picture(paths[index], wanted)
            kept.append(index)
        except (OSError, SyntaxError, ValueError) as error:
            bad[index] = _line(error)
    if bad and not skip_bad:
        first = [f"{names[index]} ({bad[index]})" for index in sorted(bad)[:SHOWN]]
        others = f" and {len(bad) - SHOWN:,} others" if len(bad) > SHOWN else ""
        raise UserError(
            f"{source}: {len(bad):,} pictures cannot be read: {', '.join(first)}{others}; replace "
            "them, or leave them out with --skip-bad"
        )
    left_out.update({"damaged pictures": len(bad)} if bad else {})
    if not kept:
        raise UserError(f"{source}: holds no pictures that can be read")
    chosen = [[each[index] for index in kept] for each in (names, paths)]
    return Pictures(chosen[0], images[: len(kept)], chosen[1], left_out)


def _kind(path: Path) -> tuple[tuple[int, int], bool, bool] | None:
    """Return a picture's height and width, whether it has colours, and whether it has 16 bits.

    None of a contact sheet.
    """
    with Image.open(path) as picture:
        if picture.info.get("Software") == SOFTWARE:
            return None
        width, height = picture.size
        if picture.getexif().get(ORIENTATION, 1) > 4:
            width, height = height, width
        if picture.mode == "F":
            raise ValueError("32-bit numbers are no grey values; save it with 8 or 16 bits")
        colours = picture.mode not in ("1", "L", "LA", "La") and not picture.mode.startswith("I")
        if picture.mode == "P":
            used = picture.convert("RGB").getcolors(256)
            colours = any(len(set(colour)) > 1 for _, colour in used)
        return (height, width), colours, picture.mode.startswith("I")


def _common_shape(kinds: list[tuple[tuple[int, int], bool, bool]]) -> tuple[int, ...]:
    """Return the shape that pictures are brought to."""
    sizes = {size for size, *_ in kinds}
    colours = (3,) if any(colours for _, colours, _ in kinds) else ()
    if len(sizes) > 1:
        return (LARGEST, LARGEST, *colours)
    ((height, width),) = sizes
    share = min(1, LARGEST / max(height, width))
    return (max(1, round(share * height)), max(1, round(share * width)), *colours)


def _opaque(picture: Image.Image, background: str) -> Image.Image:
    """Return a picture on a background, where it is transparent."""
    if not picture.has_transparency_data:
        return picture
    picture = picture.convert("RGBA")
    behind = Image.new("RGBA", picture.size, background)
    return Image.alpha_composite(behind, picture)


def _array(path: Path, array: str | None) -> Pictures:
    try:
        names, values = _load(path, array)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file or folder; allowed: {ALLOWED}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: cannot be read ({_line(error)}); allowed: {ALLOWED}") from error
    if values.ndim not in (2, 3, 4) or values.dtype.kind not in "buif":
        raise UserError(
            f"{path}: an array of {values.dtype} and shape {values.shape}; allowed: numbers of "
            "shape (n, h, w), (n, h, w, colours) or (n, features)"
        )
    if values.ndim == 4 and values.shape[3] not in COLOURS and values.shape[1] in COLOURS:
        print(f"{path}: {values.shape} is read as (n, colours, h, w)")
        values = values.transpose(0, 2, 3, 1)
    return Pictures(names or [str(index) for index in range(len(values))], values, [], Counter())


def _load(path: Path, array: str | None) -> tuple[list[str], np.ndarray]:
    """Load a file by what its first bytes say that it is."""
    with path.open("rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY" and not array:
        return [], np.load(path, mmap_mode="r", allow_pickle=False)
    content = path.read_bytes()
    if start[:2] == b"\x1f\x8b":
        content = _unzipped(content)
        start = content[:6]
    if start == b"\x93NUMPY" and not array:
        return [], np.load(io.BytesIO(content), allow_pickle=False)
    if start[:4] == b"PK\x03\x04":
        return [], _from_npz(content, array)
    if array:
        raise ValueError("no npz file: leave out --array")
    if start[:4] == b"PAR1":
        return load_parquet(content)
    if start[:2] == b"\0\0":
        return [], parse_idx(content)
    return load_csv(content)


def _unzipped(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"no whole gzip file: {error}") from error


def _from_npz(content: bytes, array: str | None) -> np.ndarray:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        if array is None and len(arrays.files) == 1:
            array = arrays.files[0]
        if array not in arrays.files:
            raise ValueError(
                f"it holds the arrays {', '.join(arrays.files)}; choose one with --array"
            )
        return arrays[array]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
