"""Files that are either whole or absent, and the one kind of error a user is shown."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path

MAX_NAMES = 8  # in a message


class UserError(Exception):
    """A fault that the user can correct; the one-line message names the file and the remedy."""


def one_of(kind: str, name: str, allowed: Iterable[str]) -> str:
    """Return `name` if it is allowed.

    Raises:
        UserError: if not, naming its kind and what is allowed, or of many what is nearest.
    """
    allowed = list(allowed)
    if name in allowed:
        return name
    words = ", ".join(allowed) or "nothing"
    if len(allowed) > MAX_NAMES:
        words = ", ".join(get_close_matches(name, allowed, MAX_NAMES, cutoff=0))
        words += f" and {len(allowed) - MAX_NAMES} others"
    raise UserError(f"{name}: no such {kind}; allowed: {words}")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; give it the name `path` once the block has succeeded.

    The content is on the disk before it gets its name, so that not even a power loss leaves half a
    file under it. Temporary files of killed processes are removed.

    Raises:
        UserError: if the folder or the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}; make room or make the folder "
            "writable, then run again"
        ) from error
    finally:
        with suppress(OSError):  # of a folder that is missing or read-only: nothing is there
            temporary.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove temporary files of `path` whose process has ended."""
    for litter in path.parent.glob(f".{path.name}.*.partial*"):
        try:
            os.kill(int(litter.name.removeprefix(f".{path.name}.").split(".")[0]), 0)
        except (ProcessLookupError, ValueError):
            litter.unlink(missing_ok=True)
        except PermissionError:  # another user's living process
            pass


def quarantine(path: Path, reason: object) -> UserError:
    """Rename a damaged file, so that the next run makes it again; return the error to raise."""
    aside = path.with_name(path.name + ".aside")
    try:
        path.replace(aside)
    except OSError:
        return UserError(f"{path}: damaged ({_line(reason)}); delete it and run again")
    return UserError(f"{path}: damaged ({_line(reason)}); put aside as {aside.name}: run again")


def _line(reason: object) -> str:
    return " ".join(str(reason).split())


def save_text(path: Path, text: str) -> None:
    """Write `text`, in UTF-8."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
