"""Files in the idx format, which MNIST and similar data sets use."""

import gzip
import zlib
from pathlib import Path

import numpy as np

UNSIGNED_BYTES = 0x08


def load_idx(path: Path) -> np.ndarray:
    """Read an idx file of unsigned bytes, gzipped or not.

    Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is truncated or in another format.
    """
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"no whole gzip file: {error}") from error
    return parse_idx(content)


def parse_idx(content: bytes) -> np.ndarray:
    """Return the values of an idx file of unsigned bytes.

    Raises:
        ValueError: if it is truncated or in another format.
    """
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTES]):
        raise ValueError("not an idx file of unsigned bytes")
    start = 4 * (1 + content[3])
    if len(content) < start:
        raise ValueError("its header is cut off")
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").tolist())
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    if len(values) != np.prod(shape, dtype=int):
        raise ValueError(f"{len(values)} bytes of data where {shape} are stated")
    return values.reshape(shape)
