"""What a run looks like: one bar over all trainings, what runs now, and the lines that matter.

Snakemake finds this by its name: `snakemake --logger moaplus`. The full log is in .snakemake/log.
A training is a job of the rule `train`, its run the wildcard `run`. A line of a job's log that is a
JSON object is progress, an epoch each; any other line is for people.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

TRAIN = "train"  # the rule
JOBS = 8  # running ones that are shown, at most


@dataclass
class Job:
    """A job that Snakemake runs.

    Attributes:
        title: its run, or its rule.
        trains: whether it is a training.
        log: its file, if it has one.
    """

    title: str
    trains: bool
    log: Path | None

    def read(self) -> tuple[dict, list[str]]:
        """Return the last progress that its log has by now, and the lines for people."""
        progress, lines = {}, []
        for line in self._lines():
            value = _json(line)
            if isinstance(value, dict):
                progress = value
            else:
                lines.append(line)
        return progress, lines

    def state(self) -> tuple[float, str]:
        """Return which share of its training is done, and what to show of it."""
        progress, _ = self.read()
        if "epoch" not in progress:
            return 0.0, self.title
        epoch, epochs = progress["epoch"], progress["epochs"]
        loss = progress["mixture_error"]
        return epoch / epochs, f"{self.title}  epoch {epoch}/{epochs}  loss {loss:.5f}"

    def _lines(self) -> list[str]:
        try:
            return self.log.read_text(encoding="utf-8").splitlines() if self.log else []
        except OSError:
            return []


def _json(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _job(record: logging.LogRecord) -> Job:
    """Return the job that Snakemake tells of."""
    trains = record.rule_name == TRAIN
    title = record.wildcards["run"] if trains else record.rule_name.replace("_", " ")
    return Job(title, trains, Path(record.log[0]) if record.log else None)


class LogHandler(LogHandlerBase):
    """Shows a run in a terminal; elsewhere it writes a line for each job that trains."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = False  # Snakemake's own: what the user wants to know
    has_formatter = False  # Snakemake's own: for errors, with the log of what failed
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.console = Console(stderr=not self.common_settings.stdout, highlight=False)
        self.jobs: dict[int, Job] = {}
        self.wanted = self.finished = 0  # trainings
        self.early = False  # whether it ends before all is done
        self.begun = time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(None),
            TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn(), TextColumn("left"),
            speed_estimate_period=600, expand=True,
        )  # fmt: skip
        self.live = Live(
            get_renderable=self._screen, console=self.console, refresh_per_second=2, transient=True
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Take one of Snakemake's messages."""
        event = getattr(record, "event", None)
        if self.common_settings.dryrun:
            self.console.print(self.format(record), markup=False, soft_wrap=True)
        elif event == LogEvent.RUN_INFO:
            self._begin(record.stats)
        elif event == LogEvent.JOB_INFO:
            self.jobs[record.jobid] = _job(record)
        elif event == LogEvent.JOB_FINISHED:
            self._finish(record.job_id)
        elif event == LogEvent.JOB_ERROR and record.jobid in self.jobs:
            self._fail(self.jobs.pop(record.jobid))
        elif getattr(record, "exception", None) == "RuleException":
            return  # of the job that was just named
        elif record.levelno >= logging.WARNING:
            self.early |= record.levelno >= logging.ERROR
            self._say(self.format(record))

    def _begin(self, stats: dict) -> None:
        self.wanted = stats.get(TRAIN, 0)
        if self.wanted:
            self.bar.add_task("", total=self.wanted)
        if self.console.is_terminal:
            self.live.start()

    def _finish(self, jobid: int) -> None:
        job = self.jobs.pop(jobid, None)
        if job is None:
            return
        self._tell(job)
        self.finished += job.trains
        if job.trains and not self.console.is_terminal:
            minutes, seconds = divmod(int(time.monotonic() - self.begun), 60)
            _, shown = job.state()
            self._say(f"{self._count()}, {minutes}:{seconds:02}: {shown}")

    def _fail(self, job: Job) -> None:
        self.early = True
        self._tell(job)
        _, shown = job.state()
        self._say(f"{shown}: not completed; its log is {job.log}")

    def _tell(self, job: Job) -> None:
        """Say what a job's log has for people: a source that failed, a divergence."""
        _, lines = job.read()
        for line in lines:
            self._say(line)

    def _count(self) -> str:
        return f"{self.finished} of {self.wanted} trainings"

    def _screen(self) -> Group:
        states = [job.state() for job in list(self.jobs.values())]
        rows = [Text(f"  {shown}", "", overflow="ellipsis", no_wrap=True) for _, shown in states]
        if not self.wanted:
            return Group(*rows[:JOBS])
        done = self.finished + sum(share for share, _ in states)
        self.bar.update(self.bar.task_ids[0], description=self._count(), completed=done)
        return Group(self.bar.get_renderable(), *rows[:JOBS])

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """End the display, and say how to go on where the run ended early."""
        self.live.stop()
        if self.jobs or self.early:
            self._say("Stopped. The same command goes on, each training from its last epoch.")
        self.jobs, self.early = {}, False  # Snakemake closes twice
        super().close()
