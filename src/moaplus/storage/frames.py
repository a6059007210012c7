"""Tables as CSV files."""

import io
from pathlib import Path

import pandas as pd

from moaplus.storage.files import UserError, quarantine, whole_file


def save_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write `frame` as CSV; the same values give the same bytes."""
    with whole_file(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.9g", lineterminator="\n")


def load_frame(path: Path, remedy: str, sep: str = ",") -> pd.DataFrame:
    """Read a CSV file.

    Args:
        path: of the file.
        remedy: what makes it again, for the message.
        sep: what separates the columns.

    Raises:
        UserError: if it is missing; or damaged, then it is quarantined.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            raise ValueError("its last line has no end")
        return pd.read_csv(io.StringIO(text), sep=sep)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    except ValueError as error:
        raise quarantine(path, error) from error
