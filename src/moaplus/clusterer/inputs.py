"""What inputs are, and whether they can be clustered."""

import math

import numpy as np

COLOURS = (1, 3, 4)  # that an image may have


def describe(shape: tuple[int, ...]) -> str:
    """Return what inputs of a shape are: `images of 28×28×3`, `784 features`."""
    if len(shape) > 1:
        return f"images of {'×'.join(map(str, shape))}"
    return f"{shape[0]} features" if shape else "no features"


def check_columns(X) -> None:
    """See that the columns of a data frame hold numbers.

    Raises:
        ValueError: if not, naming the first that does not.
    """
    for name in getattr(X, "columns", ()):
        try:
            np.asarray(X[name], dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"X: column {name!r}: {error}; MoAPlus takes numbers: encode categories, or leave "
                "them out"
            ) from error


def check_images(n: int, shape: tuple[int, ...]) -> None:
    """See that (n, *shape) are images with their colours last.

    Raises:
        ValueError: if not.
    """
    if len(shape) > 3:
        raise ValueError(
            f"X has {len(shape) + 1} dimensions; allowed: (n, features), (n, h, w), "
            "(n, h, w, colours)"
        )
    if len(shape) == 3 and shape[-1] not in COLOURS:
        turned = shape[0] in COLOURS
        remedy = "use X.transpose(0, 2, 3, 1)" if turned else "allowed: 1, 3 or 4, as (n, h, w, 3)"
        raise ValueError(f"X of shape {(n, *shape)} has images of {shape[-1]} colours; {remedy}")
    if not math.prod(shape):
        raise ValueError(f"X of shape {(n, *shape)} has images without pixels")


def count_distinct(X: np.ndarray, enough: int) -> int:
    """Return how many inputs differ from each other; no more than `enough` are counted."""
    found = set()
    for row in X:
        found.add(row.tobytes())
        if len(found) == enough:
            break
    return len(found)
