"""Files that are either whole or absent, and the one kind of error a user is shown."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


class UserError(Exception):
    """A fault that the user can mend; its message is one line that names the file and the mend."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; give it the name `path` once the block has succeeded.

    Raises:
        UserError: if the folder or the file cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write `arrays` as one compressed npz; the same arrays give the same bytes."""
    with whole_file(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an npz, refusing pickled objects.

    Raises:
        UserError: if the file is missing, truncated or no such npz.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; run snakemake to make it") from error
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        raise UserError(f"{path}: damaged ({error}); delete it and run again") from error
