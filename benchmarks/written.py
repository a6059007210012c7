"""Runs a suite of this folder, and writes what it prints into the page of docs that has its marks.

    python benchmarks/written.py faults

The marks are <!-- faults --> and <!-- end of faults -->. Between them come the commit, the machine
and the suite's tables. A suite that fails leaves the page as it was.
"""

import os
import subprocess
import sys
from pathlib import Path

from workspace import ROOT

from moaplus.provenance.origin import processor


def main() -> int:
    """Run the suite that is named, and write its page."""
    suite = sys.argv[1]
    page = page_of(suite)
    command = [sys.executable, str(Path(__file__).with_name(f"{suite}.py"))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    if done.returncode == 0:
        text = between(page.read_text(encoding="utf-8"), suite, f"{made()}\n\n{done.stdout}")
        page.write_text(text, encoding="utf-8")
    return done.returncode


def page_of(suite: str) -> Path:
    """Return the page of docs with a suite's marks."""
    (page,) = (p for p in ROOT.glob("docs/*.md") if marks(suite)[0] in p.read_text("utf-8"))
    return page


def marks(suite: str) -> tuple[str, str]:
    """Return the marks where the part of a suite begins and ends."""
    return f"<!-- {suite} -->", f"<!-- end of {suite} -->"


def between(text: str, suite: str, part: str) -> str:
    """Return a page with another part of a suite.

    Raises:
        ValueError: if it does not have both marks.
    """
    first, last = marks(suite)
    before, rest = text[: text.index(first)], text[text.index(last) :]
    return f"{before}{first}\n{part.strip()}\n{rest}"


def made() -> str:
    """Say by which commit, and on what; pages that another suite has just written do not count."""
    commit = _git("describe", "--always")
    if _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"):
        commit += "-dirty"
    cores = len(os.sched_getaffinity(0))
    return f"Commit {commit}, {processor()}, {cores} core{'s' * (cores > 1)}:"


def _git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], text=True).strip()


if __name__ == "__main__":
    sys.exit(main())
