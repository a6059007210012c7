"""The workflow on a SLURM cluster of one node: `make cluster` makes it, tries it, prints a table.

The cluster is this machine, with SLURM from Debian's packages, which are installed where they are
missing; so it needs root. A SLURM that is configured here already is left alone. One workspace is
run undisturbed without the cluster, another one on it, where jobs are cancelled and the controller
stops; both must have the same bytes in the end.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pandas as pd
from faults import attempt, contents, processes_in, started
from workspace import RUNS, call, change_params, fetch_mnist, make_workspace

SNAKEMAKE = (
    "snakemake", "--workflow-profile", "slurm",
    # A toy has no accounting to ask, and no other user to spare from questions.
    "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2",
    "--max-status-checks-per-second", "10", "--latency-wait", "5",
)  # fmt: skip
WITHOUT_PLUGIN = """
import pkgutil, sys
installed = pkgutil.iter_modules
pkgutil.iter_modules = lambda *paths: (m for m in installed(*paths) if "slurm" not in m.name)
from snakemake.cli import main
main(sys.argv[1:])
"""
SUBMITTED = 1000  # runs of a study that is planned and submitted, not run to its end
EPOCHS = 250  # of 400 images: about twenty seconds
TRAINED = RUNS.replace("epochs=1", f"epochs={EPOCHS}")

# Where srun looks for it: the plugin takes SLURM_CONF out of a job's environment.
CONFIGURATION = Path("/etc/slurm/slurm.conf")
OURS = "# Written by benchmarks/cluster.py, which deletes it at its end.\n"
SETTINGS = """\
ClusterName=toy
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
ReturnToService=2
# No control groups are needed.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
{node} NodeAddr=127.0.0.1
PartitionName=all Nodes=ALL Default=YES
"""
MUNGE_FILES = ("socket", "key-file", "pid-file", "seed-file", "log-file")


class Cluster:
    """munged, slurmctld and slurmd as children of this program, their files in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.processes: dict[str, subprocess.Popen] = {}
        host = os.uname().nodename.partition(".")[0]
        node = output("slurmd", "-C").splitlines()[0]
        (folder / "munge.key-file").write_bytes(secrets.token_bytes(128))
        (folder / "munge.key-file").chmod(0o400)
        CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
        CONFIGURATION.write_text(OURS + SETTINGS.format(folder=folder, host=host, node=node))

    def start(self, name: str, *options: str) -> None:
        """Start a daemon; SLURM's are up when the node waits for jobs."""
        with (self.folder / f"{name}.out").open("a") as out:
            self.processes[name] = subprocess.Popen(
                (name, *options), stdout=out, stderr=out, start_new_session=True
            )

    def start_all(self) -> None:
        """Start the three daemons and wait for the node."""
        files = (f"--{name}={self.folder}/munge.{name}" for name in MUNGE_FILES)
        self.start("munged", "--foreground", "--force", *files)
        wait_for((self.folder / "munge.socket").exists)
        self.start("slurmctld", "-D")
        self.start("slurmd", "-D")
        self.wait_for_node()

    def wait_for_node(self) -> None:
        """Wait until the node can take jobs."""
        wait_for(lambda: output("sinfo", "--noheader", "--format=%T").strip() == "idle")

    def stop(self, name: str) -> None:
        """Stop a daemon."""
        process = self.processes.pop(name)
        process.terminate()
        process.wait()


@contextmanager
def one_node(folder: Path) -> Iterator[Cluster]:
    """Yield a cluster that is ready for jobs, and gone in the end."""
    cluster = Cluster(folder)
    try:
        cluster.start_all()
        yield cluster
    finally:
        output("scancel", "--me")
        for name in reversed(tuple(cluster.processes)):
            cluster.stop(name)
        CONFIGURATION.unlink()


def output(*command: str) -> str:
    """Return what a command of SLURM prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def wait_for(condition: Callable, seconds: float = 120):
    """Wait for the first true value of a condition, and return it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"not in {seconds} seconds: {condition}"
        time.sleep(0.2)
    return value


def install() -> None:
    """Install SLURM and munge from Debian's packages, where they are missing."""
    if os.geteuid() != 0:
        sys.exit("make cluster: needs root, to install and to start SLURM")
    if CONFIGURATION.exists() and not CONFIGURATION.read_text().startswith(OURS):
        sys.exit(f"make cluster: {CONFIGURATION}: a SLURM that is configured here is left alone")
    if not all(map(shutil.which, ("munged", "slurmctld", "slurmd", "sbatch"))):
        packages = ("slurm-wlm", "munge")
        for command in (("update",), ("install", "--yes", "--no-install-recommends", *packages)):
            subprocess.run(("apt-get", "--quiet", *command), check=True, stdout=sys.stderr)


def workspace(folder: Path, raw: Path) -> Path:
    """Make a folder with four trainings, long enough to be cancelled."""
    changes = {"experts": [2], "train": {"epochs": EPOCHS}}
    make_workspace(folder, raw)
    change_params(folder, lambda params: params["studies"]["smoke"].update(changes))
    return folder


def training(folder: Path) -> tuple[str, list[Path]] | None:
    """Find SLURM's number of a job that trains, and its checkpoints; none while there are none."""
    for process in processes_in(folder):
        words = process.info["cmdline"]
        runs = [folder / word for word in words if word.startswith("models/")]
        checkpoints = [path for run in runs for path in run.glob("checkpoint*")]
        if "moaplus.cli" in words and checkpoints:
            return process.environ()["SLURM_JOB_ID"], checkpoints
    return None


def first_epoch(folder: Path, since: float) -> int:
    """Return the epoch from which a training went on: no other log of these begins later."""
    epochs = []
    for path in (folder / "logs").rglob("*.log"):
        if path.stat().st_mtime > since:
            lines = path.read_text().splitlines()
            rows = [json.loads(line) for line in lines if line.startswith('{"epoch"')]
            epochs += [row["epoch"] for row in rows[:1]]
    return max(epochs, default=0)


def row(step: str, what: str, ok: bool) -> dict:
    """Return a row of the table."""
    print(step, file=sys.stderr)
    return {"step": step, "what happened": what, "ok": "yes" if ok else "NO"}


def compared(folder: Path, local: Path) -> tuple[str, bool]:
    """Return in how many files two workspaces have the same bytes, and whether in all."""
    ours, theirs = contents(folder), contents(local)
    names = {*ours, *theirs}
    different = sorted(name for name in names if ours.get(name) != theirs.get(name))
    print(*(f"differs: {name}\n" for name in different), sep="", end="", file=sys.stderr)
    return f"{len(names) - len(different)} of {len(names)} files have the same bytes", not different


def cancelled(folder: Path, local: Path) -> dict:
    """Cancel one training of a run of everything."""
    begin = time.time()
    snakemake = started(folder, *SNAKEMAKE)
    job, _ = wait_for(lambda: training(folder))
    time.sleep(3)
    output("scancel", job)
    said = snakemake.communicate()[0]
    named = f"'{job}' failed, SLURM status is: 'CANCELLED'" in said and "Trying to restart" in said
    epoch, (files, same) = first_epoch(folder, begin), compared(folder, local)
    what = f"restarted, from epoch {epoch} of {EPOCHS}; the run completes; {files}"
    ok = named and epoch > 1 and same and snakemake.returncode == 0
    return row("`scancel` of a job that trains", what, ok)


def interrupted(folder: Path) -> dict:
    """End Snakemake while it trains."""
    shutil.rmtree(folder / TRAINED / "M2" / "moa_plus")
    snakemake = started(folder, *SNAKEMAKE)
    _, checkpoints = wait_for(lambda: training(folder))
    time.sleep(3)
    snakemake.send_signal(signal.SIGINT)
    snakemake.communicate()
    wait_for(lambda: not output("squeue", "--noheader") and not processes_in(folder))
    kept = all(path.exists() for path in checkpoints)
    what = "its jobs are cancelled, their checkpoints stay"
    return row("Ctrl-C of Snakemake", what, kept and snakemake.returncode != 0)


def refused(step: str, words: str, folder: Path, *command: str) -> dict:
    """Note what a command says that cannot go on: a line with these words."""
    said = attempt(folder, *command)
    line = next((line.strip() for line in said.splitlines() if words in line), None)
    return row(step, f"`{line or said[-300:]}`", line is not None and "Traceback" not in said)


def gone_on(folder: Path, local: Path) -> dict:
    """Run the same command when all is well again."""
    begin = time.time()
    call(folder, *SNAKEMAKE)
    epoch, (files, same) = first_epoch(folder, begin), compared(folder, local)
    what = f"goes on from epoch {epoch} of {EPOCHS} and completes; {files}"
    return row("the same command, all being well again", what, epoch > 1 and same)


def submitted(folder: Path, raw: Path) -> dict:
    """Submit a study of many runs; note how long each part takes."""
    make_workspace(folder, raw)
    changes = {"experts": [2], "objectives": ["moa_plus"], "seeds": list(range(SUBMITTED))}
    change_params(folder, lambda params: params["studies"]["smoke"].update(changes))
    call(folder, "snakemake", "--cores", "2", "data")
    begin, times = time.monotonic(), []
    snakemake = started(folder, *SNAKEMAKE, "--jobs", str(SUBMITTED))
    for line in snakemake.stdout:
        if "has been submitted with SLURM jobid" in line:
            times.append(time.monotonic())
        if len(times) == SUBMITTED:
            break
    begun = wait_for(lambda: trained_after(folder))
    snakemake.send_signal(signal.SIGINT)
    snakemake.communicate()
    wait_for(lambda: not output("squeue", "--noheader") and not processes_in(folder))
    what = (
        f"the first after {times[0] - begin:.0f} s of planning, all {len(times):,} "
        f"{times[-1] - times[0]:.0f} s later; a job begins to train {begun:.0f} s after its start"
    )
    return row(f"{SUBMITTED:,} runs are submitted", what, len(times) == SUBMITTED)


def trained_after(folder: Path) -> float | None:
    """Return the seconds from a job's start to that of its training; None while none trains."""
    for process in processes_in(folder):
        if "train" in process.info["cmdline"][:4]:
            job = process.environ()["SLURM_JOB_ID"]
            began = output("squeue", "--noheader", "--format=%S", "--job", job).strip()
            return process.create_time() - datetime.fromisoformat(began).timestamp()
    return None


def steps(scratch: Path) -> Iterator[dict]:
    """Yield a row for each thing that is tried, in turn."""
    raw = fetch_mnist()
    folder, local = (workspace(scratch / name, raw) for name in ("cluster", "local"))
    call(local, "snakemake", "--cores", "2")
    with one_node(scratch) as cluster:
        version = output("sinfo", "--version").strip()
        yield row("munged, slurmctld, slurmd are started", f"{version}; the node is idle", True)
        yield cancelled(folder, local)
        yield interrupted(folder)
        cluster.stop("slurmctld")
        once = (*SNAKEMAKE, "--retries", "0")
        words = "Unable to contact slurm controller"
        yield refused("the controller does not answer", words, folder, *once)
        without = (sys.executable, "-c", WITHOUT_PLUGIN, *SNAKEMAKE[1:3])
        yield refused("the plugin is not installed", "invalid choice: 'slurm'", folder, *without)
        cluster.start("slurmctld", "-D")
        cluster.wait_for_node()
        yield gone_on(folder, local)
        yield submitted(scratch / "thousand", raw)


def main() -> int:
    install()
    with tempfile.TemporaryDirectory(prefix="moaplus-cluster-") as scratch:
        table = pd.DataFrame(steps(Path(scratch)))
    print(table.to_markdown(index=False))
    return int("NO" in set(table["ok"]))


if __name__ == "__main__":
    sys.exit(main())
