"""Arrays as safetensors files, with their origin and a digest of their content."""

import hashlib
import json
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from moaplus.storage.files import whole_file


def save_tensors(path: Path, tensors: dict[str, np.ndarray], origin: dict) -> None:
    """Write `tensors` and their origin; the same values give the same bytes.

    Args:
        path: of the file.
        tensors: arrays by name.
        origin: values that JSON can hold.

    Raises:
        UserError: if the file cannot be written.
    """
    account = json.dumps(origin | {"sha256": _digest(tensors, origin)}, sort_keys=True)
    with whole_file(path) as temporary:
        try:
            # One key: safetensors writes several in a random order.
            safetensors.numpy.save_file(tensors, temporary, {"origin": account})
        except safetensors.SafetensorError as error:
            raise OSError(str(error)) from error


def load_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read tensors and origin.

    Raises:
        OSError: if the file is missing or cannot be read.
        ValueError: if it is damaged.
    """
    try:
        tensors = safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, KeyError) as error:
        raise ValueError(str(error)) from error
    origin, _ = read_origin(path)
    if origin.pop("sha256", "") != _digest(tensors, origin):
        raise ValueError("its content is not what was written")
    return tensors, origin


def read_origin(path: Path) -> tuple[dict, int]:
    """Read the origin and the number of values, not the values themselves.

    Raises:
        OSError: if the file is missing or cannot be read.
        ValueError: if it is damaged, as far as that shows without its values.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            origin = json.loads(file.metadata()["origin"])
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
        if not isinstance(origin, dict):
            raise ValueError("its origin is no mapping")
    except (safetensors.SafetensorError, KeyError, TypeError) as error:
        raise ValueError(str(error) or "no safetensors file") from error
    return origin, sum(int(np.prod(shape)) for shape in shapes)


def _digest(tensors: dict[str, np.ndarray], origin: dict) -> str:
    """Return the SHA-256 of everything but the digest itself."""
    content = hashlib.sha256(json.dumps(origin, sort_keys=True).encode())
    for name, values in sorted(tensors.items()):
        content.update(f"{name} {values.dtype} {values.shape}".encode())
        content.update(np.ascontiguousarray(values).tobytes())
    return content.hexdigest()
