"""What a run looks like: one bar over all trainings, what runs now, and the lines that matter.

Snakemake finds this by its name: `snakemake --logger moaplus`. The full log is in .snakemake/log.
Every Snakemake imports it at its start, before the Snakefile says which sources are to be used: so
`moaplus` is imported later.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from moaplus.plan.runs import Run
    from moaplus.plan.studies import Plan

IMAGES_OF_A_CLASS = 6000  # about, in each of the data sets
EPOCH = re.compile(r"epoch (\d+)/\d+ .*mixture error (\S+)")
ROUTINE = re.compile(
    r"epoch \d+/\d+ |(models|scratch)/\S+$|.*: already (there|trained)|.*verified$"
)
SHOWN = 8  # running jobs, at most


@dataclass
class Job:
    """A job that Snakemake runs: its rule, its log, and the runs that it trains, if any."""

    rule: str
    log: Path | None
    runs: tuple[Run, ...]

    def lines(self) -> list[str]:
        """What its log says by now."""
        try:
            return self.log.read_text(encoding="utf-8").splitlines() if self.log else []
        except OSError:
            return []

    def state(self) -> State:
        """Where it is, by its log: a line with the folder of each run, and one for each epoch."""
        lines, folders = self.lines(), {run.folder for run in self.runs}
        begun = [place for place, line in enumerate(lines) if Path(line) in folders]
        if not begun:
            return State(0, 0, self.rule.replace("_", " "))
        *before, run = self.runs[: len(begun)]
        done, words = sum(map(work, before)), "/".join(run.folder.parts[1:])
        epochs = [found for line in lines[begun[-1] :] if (found := EPOCH.match(line))]
        if epochs:
            epoch, loss = epochs[-1].groups()
            done += work(run) * int(epoch) / run.training.epochs
            words += f"  epoch {epoch}/{run.training.epochs}  loss {loss}"
        return State(len(before), done, words)


@dataclass
class State:
    """Trainings that a job has ended, its share of the work, and what it does now."""

    trainings: int
    work: float
    words: str


def work(run: Run) -> float:
    """What a training costs, beside others: images that experts see."""
    images = run.selection.images or IMAGES_OF_A_CLASS * len(run.selection.classes)
    return run.training.epochs * run.experts * images


def trained_by(plan: Plan) -> dict[str, tuple[Run, ...]]:
    """The rules that train -> the runs that each trains, in its order."""
    records = {
        f"record_{name}": tuple(run for record in batch for run in record.runs)
        for name, batch in plan.record_batches.items()
    }
    return records | {f"train_{name}": batch for name, batch in plan.batches.items()}


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
        self.batches: dict[str, tuple[Run, ...]] = {}
        self.wanted = self.finished = 0  # trainings
        self.finished_work = 0.0
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
            log = Path(record.log[0]) if record.log else None
            self.jobs[record.jobid] = Job(
                record.rule_name, log, self.batches.get(record.rule_name, ())
            )
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
        from moaplus.plan.studies import load

        everything = trained_by(load())
        self.batches = {rule: everything[rule] for rule in stats if rule in everything}
        runs = [run for batch in self.batches.values() for run in batch]
        self.wanted = len(runs)
        if runs:
            self.bar.add_task("", total=sum(map(work, runs)))
        if self.console.is_terminal:
            self.live.start()

    def _finish(self, jobid: int) -> None:
        job = self.jobs.pop(jobid, None)
        if job is None:
            return
        self._tell(job)
        self.finished += len(job.runs)
        self.finished_work += sum(map(work, job.runs))
        if job.runs and not self.console.is_terminal:
            minutes, seconds = divmod(int(time.monotonic() - self.begun), 60)
            self._say(f"{self._count()}, {minutes}:{seconds:02}: {job.state().words}")

    def _fail(self, job: Job) -> None:
        self.early = True
        self._tell(job)
        self._say(f"{job.state().words}: not completed; its log is {job.log}")

    def _tell(self, job: Job) -> None:
        """Say what is out of the routine in a job's log: a source that failed, a divergence."""
        for line in job.lines():
            if not ROUTINE.match(line):
                self._say(line)

    def _count(self, running: int = 0) -> str:
        return f"{self.finished + running} of {self.wanted} trainings"

    def _screen(self) -> Group:
        states = [job.state() for job in list(self.jobs.values())]
        shown = [
            Text(f"  {state.words}", "", overflow="ellipsis", no_wrap=True) for state in states
        ]
        if not self.wanted:
            return Group(*shown[:SHOWN])
        done = self.finished_work + sum(state.work for state in states)
        count = self._count(sum(state.trainings for state in states))
        self.bar.update(self.bar.task_ids[0], description=count, completed=done)
        return Group(self.bar.get_renderable(), *shown[:SHOWN])

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """End the display, and say how to go on where the run ended early."""
        self.live.stop()
        if self.jobs or self.early:
            self._say("Stopped. The same command goes on, each training from its last epoch.")
        self.jobs, self.early = {}, False  # Snakemake closes twice
        super().close()
