"""What a run looks like: the logger plugin, in a terminal and without one."""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from logging import makeLogRecord
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from snakemake_interface_logger_plugins.common import LogEvent
from workspace import change_params, environment

from moaplus.plan.runs import Run
from moaplus.plan.studies import load
from snakemake_logger_plugin_moaplus import Job, LogHandler, work

WIDTH = 100


def test_without_a_terminal_there_is_a_line_for_each_job_that_trains(finished):
    said = (finished.parent / "said").read_text(encoding="utf-8").splitlines()
    counts = [
        re.match(r"(\d) of 8 trainings, \d+:\d\d: \S+/seed\d  epoch 1/1  loss", x) for x in said
    ]
    assert [int(count[1]) for count in counts if count] == [2, 4, 6, 8]
    assert len(said) <= 6
    assert list(finished.glob(".snakemake/log/*.log"))  # Snakemake's own, in full


@pytest.fixture
def runs(workspace) -> tuple[Run, ...]:
    return next(iter(load().batches.values()))


def test_the_state_of_a_job_is_read_from_its_log(runs, tmp_path):
    job = Job("train_x_y", tmp_path / "log", runs)
    assert job.state().words == "train x y"
    line = "epoch {}/1  objective 0.5  mixture error 0.25  routed error 0.3\n"
    job.log.write_text(f"{runs[0].folder}\n{line.format(1)}{runs[1].folder}\n")
    assert (job.state().trainings, job.state().work) == (1, work(runs[0]))
    job.log.write_text(job.log.read_text() + line.format(1))
    assert job.state().work == sum(map(work, runs))
    assert job.state().words.endswith("seed1  epoch 1/1  loss 0.25")


def test_a_source_that_failed_is_told(tmp_path):
    told = Console(file=io.StringIO())
    handler = LogHandler(SimpleNamespace(stdout=False, dryrun=False), None)
    handler.console = told
    log = tmp_path / "fetch.log"
    failed = "data/raw/mnist/a: not from https://a.example: 404"
    log.write_text(f"{failed}\ndata/raw/mnist/a: from https://b.example, verified\n")
    job = {"jobid": 1, "rule_name": "fetch", "log": [str(log)]}
    handler.emit(makeLogRecord({"event": LogEvent.JOB_INFO} | job))
    handler.emit(makeLogRecord({"event": LogEvent.JOB_FINISHED, "job_id": 1}))
    assert told.file.getvalue() == f"{failed}\n"


def test_in_a_terminal_there_is_a_bar_and_a_stopped_run_says_how_to_go_on(workspace):
    change_params(workspace, lambda params: params["studies"]["smoke"]["train"].update(epochs=500))
    text, code = watched(workspace, until=r"epoch \d+/500")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r", "\n")).splitlines()
    assert code != 0
    assert any(re.match(r"0 of 8 trainings ━+ +0 % \S+ left", line) for line in lines)
    bars = [line for line in lines if " of 8 trainings" in line]
    assert max(map(len, bars)) == WIDTH
    (stopped,) = (line for line in lines if line.startswith("Stopped. The same command goes on"))
    assert not any(lines[lines.index(stopped) + 1 :])
    assert any("seed0  epoch" in line and "not completed; its log is" in line for line in lines)


def watched(folder: Path, until: str) -> tuple[str, int]:
    """What a terminal shows of a run that Ctrl-C ends once a pattern is there; its exit code."""
    of_a_terminal = environment() | {"COLUMNS": str(WIDTH), "LINES": "24"}
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    run = subprocess.Popen(
        ["snakemake", "--cores", "1", "--logger", "moaplus"], cwd=folder, env=of_a_terminal,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), start_new_session=True,
        stdin=terminal, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    text, sent = "", False
    while part := _read(screen):
        text += part
        if not sent and re.search(until, text):
            os.killpg(run.pid, signal.SIGINT)
            sent = True
    return text, run.wait()


def _read(screen: int) -> str:
    """What comes next on a terminal; nothing once its programs have ended."""
    try:
        return os.read(screen, 4096).decode(errors="replace")
    except OSError:
        return ""
