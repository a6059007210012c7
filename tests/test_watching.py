"""What a run looks like: the logger plugin, in a terminal and without one."""

import fcntl
import io
import json
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

from rich.console import Console
from snakemake_interface_logger_plugins.common import LogEvent
from workspace import change_params, environment

from snakemake_logger_plugin_moaplus import Job, LogHandler

WIDTH = 100


def test_without_a_terminal_there_is_a_line_for_each_job_that_trains(finished):
    said = (finished.parent / "said").read_text(encoding="utf-8").splitlines()
    counts = [
        re.match(r"(\d) of 8 trainings, \d+:\d\d: \S+/seed\d  epoch 1/1  loss", x) for x in said
    ]
    assert [int(count[1]) for count in counts if count] == list(range(1, 9))
    assert len(said) <= 10
    assert list(finished.glob(".snakemake/log/*.log"))  # Snakemake's own, in full


def progress(epoch: int) -> str:
    """Return what training writes to its log after an epoch."""
    return json.dumps({"epoch": epoch, "epochs": 4, "mixture_error": 0.25}) + "\n"


def handled(*records: dict) -> tuple[LogHandler, str]:
    """Give a handler without a terminal some Snakemake messages; return it and what it said."""
    handler = LogHandler(SimpleNamespace(stdout=False, dryrun=False), None)
    handler.console = Console(file=io.StringIO(), width=WIDTH)
    for record in records:
        handler.emit(makeLogRecord(record))
    return handler, handler.console.file.getvalue()


def begun(jobid: int, rule: str, log: Path, **wildcards: str) -> dict:
    """Snakemake's message on a job that begins."""
    job = {"jobid": jobid, "rule_name": rule, "log": [str(log)], "wildcards": wildcards}
    return {"event": LogEvent.JOB_INFO} | job


def test_the_state_of_a_training_is_the_last_progress_of_its_log(tmp_path):
    job = Job("models/a/seed1", True, tmp_path / "log")
    assert job.state() == (0, "models/a/seed1")
    job.log.write_text(progress(1) + "a word for people\n" + progress(3))
    assert job.state() == (0.75, "models/a/seed1  epoch 3/4  loss 0.25000")
    assert job.read()[1] == ["a word for people"]
    job.log.write_text(progress(1) + progress(3)[:20])  # while it is written
    assert job.state()[0] == 0.25


def test_trainings_are_counted_by_the_jobs_of_their_rule(tmp_path):
    logs = [tmp_path / str(number) for number in range(3)]
    for log in logs:
        log.write_text(progress(2))
    handler, said = handled(
        {"event": LogEvent.RUN_INFO, "stats": {"train": 2, "score": 1, "total": 3}},
        begun(1, "train", logs[0], run="models/a/seed0"),
        begun(2, "score", logs[1]),
        begun(3, "train", logs[2], run="models/a/seed1"),
        {"event": LogEvent.JOB_FINISHED, "job_id": 1},
        {"event": LogEvent.JOB_FINISHED, "job_id": 2},
    )
    assert said == "1 of 2 trainings, 0:00: models/a/seed0  epoch 2/4  loss 0.25000\n"
    handler.console.print(handler._screen())
    assert re.search(r"1 of 2 trainings ━+ +75 %", handler.console.file.getvalue())


def test_a_source_that_failed_is_told(tmp_path):
    log = tmp_path / "fetch.log"
    failed = "data/raw/mnist/a: not from https://a.example: 404"
    log.write_text(f"{failed}\ndata/raw/mnist/a: from https://b.example, verified\n")
    _, said = handled(begun(1, "fetch", log), {"event": LogEvent.JOB_FINISHED, "job_id": 1})
    assert said == log.read_text()


def test_in_a_terminal_there_is_a_bar_and_a_stopped_run_says_how_to_go_on(workspace):
    long = {"train": {"epochs": 500}, "references": []}
    change_params(workspace, lambda params: params["studies"]["smoke"].update(long))
    text, code = watched(workspace, until=r"epoch \d+/500")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r", "\n")).splitlines()
    assert code != 0
    assert any(re.match(r"0 of 8 trainings ━+ +0 % \S+ left", line) for line in lines)
    bars = [line for line in lines if " of 8 trainings" in line]
    assert max(map(len, bars)) == WIDTH
    (stopped,) = (line for line in lines if line.startswith("Stopped. The same command goes on"))
    assert not any(lines[lines.index(stopped) + 1 :])
    assert any(re.search(r"seed\d  epoch .* not completed; its log is", line) for line in lines)


def watched(folder: Path, until: str) -> tuple[str, int]:
    """End a run by Ctrl-C once a pattern is there; return the terminal's text and its exit code."""
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
    """Read what comes next on a terminal; nothing once its programs have ended."""
    try:
        return os.read(screen, 4096).decode(errors="replace")
    except OSError:
        return ""
