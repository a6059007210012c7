"""Features from tables: CSV and Parquet, with a column of names or without."""

import csv
import io

import numpy as np

NAMES = ("name", "id", "index", "")  # heads of a column that may hold the names of rows

DELIMITERS = "\t;,"  # the first of these that the first line has, or else spaces


def load_csv(content: bytes) -> tuple[list[str], np.ndarray]:
    """Read features from CSV: a row each, with a head or without.

    Returns:
        Names of the rows, from a column of that head; none without one. Features (n, d), float64.

    Raises:
        ValueError: if it is no table, or a value is no number.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"no array and no table: {error}") from error
    first = text.partition("\n")[0]
    delimiter = next((each for each in DELIMITERS if each in first), " ")
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    rows = [row for row in reader if row]
    lengths = {len(row) for row in rows} or {0}
    if len(lengths) > 1:
        raise ValueError(f"no table: its rows have {min(lengths)} to {max(lengths)} values")
    has_head = rows and not any(map(_is_number, rows[0]))
    head = rows.pop(0) if has_head else [str(number) for number in range(*lengths)]
    if not rows:
        raise ValueError("no array, and a table without rows")
    return _features(head, [*zip(*rows, strict=True)])


def load_parquet(content: bytes) -> tuple[list[str], np.ndarray]:
    """Read features from Parquet: returns and raises as `load_csv`."""
    try:
        from pyarrow import parquet  # of 45 MB, for this alone
    except ModuleNotFoundError as error:
        raise ValueError("a Parquet table; to read it: pip install pyarrow") from error
    table = parquet.read_table(io.BytesIO(content))
    return _features(table.column_names, [column.to_pylist() for column in table.columns])


def _features(head: list[str], columns: list) -> tuple[list[str], np.ndarray]:
    names: list[str] = []
    if head and head[0].strip().lower() in NAMES:
        names, head, columns = [*map(str, columns[0])], head[1:], columns[1:]
    features = []
    for title, column in zip(head, columns, strict=True):
        try:
            features.append(np.array(column, dtype=float))
        except (TypeError, ValueError) as error:
            wrong = next(value for value in column if not _is_number(value))
            raise ValueError(
                f"column {title!r} holds {wrong!r}, which is no number: encode it, or leave it out"
            ) from error
    if not features:
        raise ValueError("a table without features")
    return names, np.stack(features, axis=1)


def _is_number(value: object) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
