"""Arrays as npz files, without pickle."""

from pathlib import Path

import numpy as np

from moaplus.storage.files import UserError, quarantine, whole_file


def save_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write `arrays` as one compressed npz; the same arrays give the same bytes."""
    with whole_file(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def load_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Read all arrays of an npz, refusing pickled objects; `names` are those it must hold.

    Raises:
        UserError: if the file is missing, or damaged: it is quarantined then.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; run snakemake to make it") from error
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        raise quarantine(path, error) from error
    if missing := set(names) - set(arrays):
        raise quarantine(path, f"it has no {', '.join(sorted(missing))}")
    return arrays


def check_arrays(path: Path) -> str:
    """Return why an npz is damaged; an empty text if it is whole."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            for name in archive.files:
                archive[name]
    except Exception as error:  # zipfile, zlib and numpy each raise their own
        return " ".join(str(error).split()) or type(error).__name__
    return ""
