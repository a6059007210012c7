"""`moaplus cluster` and `moaplus assign`: a user's own pictures, or features."""

import csv
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moaplus.storage.files import UserError, whole_file

if TYPE_CHECKING:
    from moaplus.clusterer.pictures import Form, Pictures

INPUTS = (
    "a folder of pictures (PNG, JPEG, BMP, TIFF, WebP, GIF), an npy or npz array, an idx file, or "
    "a CSV or Parquet table of features"
)


def add_commands(commands) -> None:
    """Add both commands to those of a parser, as `add_subparsers` returned them."""
    cluster = commands.add_parser("cluster", help=_cluster.__doc__, description=_cluster.__doc__)
    cluster.add_argument("images", metavar="IMAGES", type=Path, help=INPUTS)
    cluster.add_argument("--clusters", type=int, required=True, help="number of clusters")
    cluster.add_argument("--model", type=Path, help="safetensors file to write, for `assign`")
    cluster.add_argument("--seed", type=int, default=0)
    cluster.add_argument(
        "--views",
        nargs="+",
        metavar="NAME",
        help="what may differ between pictures of one cluster, such as flip, rotation, colour: "
        "docs/method.md",
    )
    cluster.add_argument(
        "--max-time", type=float, metavar="SECONDS", help="about how long to train, at most"
    )
    cluster.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    cluster.add_argument(
        "--aspect",
        action="store_true",
        help="keep the ratio of a picture's sides, amid the background; else it is stretched",
    )
    cluster.add_argument(
        "--background",
        default="white",
        metavar="COLOUR",
        help="behind transparent pixels and beside pictures; white",
    )
    assign = commands.add_parser("assign", help=_assign.__doc__, description=_assign.__doc__)
    assign.add_argument("model", metavar="MODEL", type=Path)
    assign.add_argument("images", metavar="IMAGES", type=Path, help=INPUTS)
    for command, function in ((cluster, _cluster), (assign, _assign)):
        command.set_defaults(command=function)
        command.add_argument("--output", type=Path, required=True, help="CSV file to write")
        command.add_argument("--sheet", type=Path, help="PNG file to write: a row for each cluster")
        command.add_argument(
            "--array", metavar="NAME", help="which array of an npz file of several"
        )
        command.add_argument(
            "--skip-bad",
            action="store_true",
            help="leave damaged pictures out, in place of an error",
        )
        command.add_argument(
            "--threads", type=int, default=1, help="1; results depend on it in their last digits"
        )


def _cluster(
    images: Path,
    clusters: int,
    output: Path,
    sheet: Path | None,
    model: Path | None,
    seed: int,
    views: list[str] | None,
    max_time: float | None,
    device: str,
    aspect: bool,
    background: str,
    array: str | None,
    skip_bad: bool,
    threads: int,
) -> None:
    """Cluster your own pictures, or features; write a CSV file of names and clusters."""
    _check_outputs(output, sheet, model)
    for name, value, least in (
        ("clusters", clusters, 2),
        ("seed", seed, 0),
        ("threads", threads, 1),
    ):
        if value < least:
            raise UserError(f"--{name} {value}: ask for {least} or more")
    from moaplus.clusterer.pictures import Form

    form = Form(None, aspect, _colour(background))
    inputs = _load(images, form, array, skip_bad, sheet)
    _use_threads(threads)
    from moaplus.clusterer.estimator import MoAPlus
    from moaplus.mixture.fit import keep_freed_memory

    keep_freed_memory()
    fitted = MoAPlus(
        clusters,
        views=views or "auto",
        max_time=max_time,
        random_state=seed,
        device=device,
        verbose=1,
    )
    _in_one_line(images, lambda: fitted.fit(inputs.images))
    _write_table(output, inputs.names, fitted.concentrations_)
    if model:
        fitted.save(model, {"aspect": aspect, "background": background})
    _write_sheet(sheet, inputs.images, fitted.concentrations_)


def _assign(
    model: Path,
    images: Path,
    output: Path,
    sheet: Path | None,
    array: str | None,
    skip_bad: bool,
    threads: int,
) -> None:
    """Put new pictures, or features, into the clusters of a model that `moaplus cluster` wrote."""
    _check_outputs(output, sheet)
    _use_threads(threads)
    from moaplus.clusterer.estimator import MoAPlus
    from moaplus.clusterer.pictures import Form

    fitted = MoAPlus.load(model)
    shape = fitted.scale_.shape
    form = Form(shape if len(shape) > 1 else None, **fitted.notes_)
    inputs = _load(images, form, array, skip_bad, sheet)
    concentrations = _in_one_line(images, lambda: fitted.predict_proba(inputs.images))
    _write_table(output, inputs.names, concentrations)
    _write_sheet(sheet, inputs.images, concentrations)


def _check_outputs(*outputs: Path | None) -> None:
    """See that files can be written, before anything is trained.

    Raises:
        UserError: if one is there already, two are the same, or a folder cannot be written in.
    """
    paths = [path for path in outputs if path]
    for path in paths:
        if path.exists() or path.is_symlink():
            what = "a folder" if path.is_dir() else "already exists"
            raise UserError(f"{path}: {what}; give another name, or delete it")
        place = next(folder for folder in path.absolute().parents if folder.exists())
        if not place.is_dir():
            raise UserError(f"{path}: {place} is a file, no folder; give another name")
        if not os.access(place, os.W_OK | os.X_OK):
            raise UserError(f"{path}: {place} may not be written in; give another name")
    if len({path.absolute() for path in paths}) < len(paths):
        raise UserError(f"{paths[0]}: two outputs at one path; give them other names")


def _colour(name: str) -> str:
    from PIL import ImageColor

    try:
        ImageColor.getrgb(name)
    except ValueError as error:
        raise UserError(f"--background {name}: no colour; give a name or #rrggbb") from error
    return name


def _use_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _load(
    path: Path, form: "Form", array: str | None, skip_bad: bool, sheet: Path | None
) -> "Pictures":
    """Read inputs, and say what was left out."""
    from moaplus.clusterer.pictures import load_pictures

    inputs = load_pictures(path, form, array=array, skip_bad=skip_bad)
    if inputs.note:
        print(f"{path}: left out: {inputs.note}", file=sys.stderr)
    if sheet and inputs.images.ndim == 2:
        raise UserError(f"{path}: features, not images; leave out --sheet")
    return inputs


def _in_one_line(images: Path, do: Callable):
    """Call a function; turn its errors and warnings into a line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return do()
        except (ValueError, RuntimeError, MemoryError) as error:
            raise UserError(f"{images}: {_line(error) or 'too large for the memory'}") from error
        finally:
            for warning in caught:
                if issubclass(warning.category, UserWarning):
                    print(f"moaplus: {images}: {_line(warning.message)}", file=sys.stderr)


def _line(message: object) -> str:
    return " ".join(str(message).split())


def _write_table(path: Path, names: Iterable[str], concentrations: np.ndarray) -> None:
    clusters = concentrations.argmax(axis=1)
    head = ["name", "cluster", *(f"p{k}" for k in range(concentrations.shape[1]))]
    # Names are bytes on the disk, of any encoding.
    coding = {"encoding": "utf-8", "errors": "surrogateescape"}
    with whole_file(path) as temporary, temporary.open("w", newline="", **coding) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        for name, cluster, row in zip(names, clusters, concentrations, strict=True):
            writer.writerow([name, cluster, *(f"{value:.9g}" for value in row)])
    sizes = np.bincount(clusters, minlength=concentrations.shape[1])
    print(f"{path}: {len(clusters):,} in clusters of {', '.join(map(str, sizes))}")


def _write_sheet(path: Path | None, images: np.ndarray, concentrations: np.ndarray) -> None:
    """Draw the contact sheet, if one is asked for.

    Raises:
        UserError: if it cannot be drawn; the clusters are written by then.
    """
    if not path:
        return
    from moaplus.clusterer.sheet import save_sheet

    try:
        save_sheet(path, images, concentrations)
    except (ValueError, OSError, MemoryError) as error:
        raise UserError(
            f"{path}: could not be drawn ({_line(error)}); all other files are written"
        ) from error
