"""Runs of which scores and curves are kept, in git, and models are not.

A record is one file of all the runs of one protocol and seed, one for each objective. So a study
of many hours goes on where it stopped, on another machine too, from what was committed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from moaplus.plan.runs import Run

RECORDS = Path("results/records")


@dataclass(frozen=True)
class Record:
    """The runs of one protocol and seed."""

    runs: tuple[Run, ...]

    @property
    def path(self) -> Path:
        """JSON, as `report.recording` describes it."""
        return RECORDS / self.runs[0].protocol / f"seed{self.runs[0].seed}.json"


def records_of(runs: Iterable[Run]) -> list[Record]:
    """The records of some runs, each of which is kept as a record; by objective in each."""
    groups: dict[tuple[Path, int], dict[str, Run]] = {}
    for run in runs:
        groups.setdefault((run.protocol, run.seed), {})[run.objective] = run
    return [Record(tuple(group[name] for name in sorted(group))) for group in groups.values()]
