"""What Snakemake and DVC do of each other's work: `make agreement` prints a table.

Each sequence starts from a clone of one repository, whose study `smoke` of four runs is committed,
and pushed to a directory. The jobs that train are counted in what the tools print.
"""

import csv
import hashlib
import io
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import permutations
from pathlib import Path

import boto3
import pandas as pd
from moto.server import ThreadedMotoServer
from workspace import (
    ROOT,
    call,
    change_params,
    fetch_mnist,
    jobs,
    look,
    make_workspace,
    planned_jobs,
)

JOBS = 4
S3 = "S3 (moto)"
STAGE_FILES = ("Makefile", ".gitignore", ".dvcignore")


def make_repository(folder: Path) -> Path:
    """Make a committed repository whose default study is run, known to both tools and pushed."""
    make_workspace(folder, raw=None)
    change_params(folder, lambda params: params["train"].update(epochs=1))
    change_params(folder, lambda params: params["studies"]["smoke"].pop("train"))
    change_params(folder, lambda params: params["studies"]["smoke"].update(experts=[2]))
    publish(folder)
    return folder


def publish(folder: Path) -> str:
    """Make a repository of a workspace and push it to a directory; return what `dvc repro` says."""
    raw = folder / "data" / "raw"
    raw.unlink(missing_ok=True)  # DVC takes no link that leads out of the repository
    shutil.copytree(ROOT / "data" / "raw", raw)
    for name in STAGE_FILES:
        shutil.copy(ROOT / name, folder / name)
    call(folder, "git", "init", "--quiet")
    call(folder, "dvc", "init", "--quiet")
    call(folder, "dvc", "remote", "add", "--quiet", "--default", "store", "../store")
    said = call(folder, "dvc", "repro")
    commit(folder, "first")
    call(folder, "dvc", "push", "--quiet")
    return said


def commit(folder: Path, message: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    call(folder, "git", "add", "--all")
    call(folder, "git", *identity, "commit", "--quiet", "--allow-empty", "-m", message)


def clone(repository: Path, name: str) -> Path:
    """Make a clone beside the repository, with neither data nor models."""
    folder = repository.with_name(name)
    call(repository.parent, "git", "clone", "--quiet", str(repository), name)
    assert not (folder / "models").exists()
    return folder


def pulled(repository: Path, name: str) -> Path:
    """Return a clone after `make pull`."""
    folder = clone(repository, name)
    make(folder, "pull")
    return folder


def make(folder: Path, target: str) -> str:
    """Run a target of the Makefile in the tests' own environment."""
    return call(folder, "make", "--assume-old=environment", target)


def trainings(output: str) -> int:
    """Count the jobs that train and that Snakemake, or DVC which calls it, says that it starts."""
    return jobs(output)["train"]


def planned_trainings(folder: Path) -> int:
    """Count the jobs that train and that `snakemake -n` would start."""
    return planned_jobs(folder)["train"]


def both_are_content(folder: Path) -> bool:
    """Tell whether `snakemake -n` has nothing to do and `dvc status` is clean."""
    return "Nothing to be done" in look(folder, "-n") and "up to date" in call(
        folder, "dvc", "status"
    )


def row(sequence: str, counted: str, expected: str, content: bool | None) -> dict:
    """Return a row of the table."""
    return {
        "sequence": sequence,
        "jobs that train": counted,
        "expected": expected,
        "then both have nothing to do": {True: "yes", False: "NO", None: ""}[content],
    }


def one_then_the_other(repository: Path) -> list[dict]:
    rows = []
    for first, second in permutations((("snakemake", "--cores", "2"), ("dvc", "repro"))):
        folder = clone(repository, f"{first[0]}-first")
        counts = [trainings(call(folder, *command)) for command in (first, second)]
        rows.append(
            row(f"`{' '.join(first)}`, then `{' '.join(second)}`",
                " + ".join(map(str, counts)), f"{JOBS} + 0", both_are_content(folder))
        )  # fmt: skip
    return rows


def pull(repository: Path) -> list[dict]:
    folder = pulled(repository, "pulled")
    return [
        row("clone, `make pull`", str(planned_trainings(folder)), "0", both_are_content(folder))
    ]


REPORT, BOOTSTRAP, SEEDS, PARAMETER, TRAINING = CHANGES = (
    "one source that only the report imports",
    "the bootstrap of every interval",
    "one study's seeds from 2 to 4",
    "one training parameter",
    "one source that training imports",
)


def changes(repository: Path, names: tuple[str, ...] = CHANGES) -> list[dict]:
    """Change one thing after another; what Snakemake plans is what `dvc repro` then does.

    Except `probe`: DVC calls Snakemake once for each stage, so that a later call leaves it out
    where an earlier one made its input again, to the same bytes.
    """
    folder = pulled(repository, "changed")

    def source(name: str) -> None:
        with (folder / "src/moaplus" / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")

    def bootstrap() -> None:
        path = folder / "src/moaplus/theory/intervals.py"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("RESAMPLES = 9999", "RESAMPLES = 999"), encoding="utf-8")

    def seeds(params: dict) -> None:
        params["studies"]["smoke"]["seeds"] = [0, 1, 2, 3]

    edits: dict[str, tuple[Callable[[], None], int]] = {
        REPORT: (lambda: source("report/figures/nmi.py"), 0),
        BOOTSTRAP: (bootstrap, 0),
        SEEDS: (lambda: change_params(folder, seeds), JOBS),
        PARAMETER: (
            lambda: change_params(folder, lambda p: p["train"].update(learning_rate=0.01)),
            2 * JOBS,  # with the seeds that were added
        ),
        TRAINING: (lambda: source("mixture/layers.py"), 2 * JOBS),
    }
    rows = []
    for name in names:
        edit, expected = edits[name]
        edit()
        planned = planned_jobs(folder)
        done = jobs(call(folder, "dvc", "repro"))
        left_out = planned - done
        same = f"the same {done.total()} steps" + (
            f" except {', '.join(left_out)}, whose input came out as it was" if left_out else ""
        )
        rows.append(
            row(f"change {name}: `snakemake -n`, `dvc repro`; {same}",
                f"{planned['train']}, {done['train']}", f"{expected}, {expected}",
                done <= planned and set(left_out) <= {"probe"} and both_are_content(folder))
        )  # fmt: skip
        commit(folder, name)
    return rows + back_and_forth(folder, f"HEAD~{len(names)}")


def undone(repository: Path) -> list[dict]:
    """Undo a change that was only looked at: it leaves nothing behind."""
    folder = pulled(repository, "undone")
    source = folder / "src/moaplus/mixture/layers.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text + "# changed\n", encoding="utf-8")
    planned = planned_trainings(folder)
    source.write_text(text, encoding="utf-8")
    return [
        row("change a source that training imports, `snakemake -n`, change it back, `snakemake -n`",
            f"{planned}, {planned_trainings(folder)}", f"{JOBS}, 0", both_are_content(folder))
    ]  # fmt: skip


def back_and_forth(folder: Path, older: str) -> list[dict]:
    """Go to an older commit and back to the last one."""
    rows = []
    for words, revision in (("an older commit", older), ("and back", "-")):
        call(folder, "git", "checkout", "--quiet", revision)
        call(folder, "dvc", "checkout", "--quiet")
        make(folder, "agree")
        rows.append(
            row(f"`git checkout` {words}, `dvc checkout`, `make agree`",
                str(planned_trainings(folder)), "0", both_are_content(folder))
        )  # fmt: skip
    return rows


def experiments(repository: Path) -> list[dict]:
    folder = pulled(repository, "experiments")
    output = call(folder, "dvc", "exp", "run", "-S", "train.epochs=2")
    rows = [
        row("`dvc exp run -S train.epochs=2`", str(trainings(output)), str(JOBS),
            both_are_content(folder))
    ]  # fmt: skip
    for epochs in (3, 4):
        call(folder, "dvc", "exp", "run", "--queue", "-S", f"train.epochs={epochs}")
    output = call(folder, "dvc", "exp", "run", "--run-all", "--jobs", "1")
    shown = shown_experiments(folder)
    rows.append(
        row("a queue of two more; `dvc exp show` lists epochs "
            + ", ".join(sorted(f"{e}: NMI {n:.3f}, loss {loss:.4f}" for e, n, loss in shown)),
            str(queued_trainings(folder)), str(2 * JOBS), None)
    )  # fmt: skip
    return rows


def queued_trainings(folder: Path) -> int:
    """Count the trainings in the logs of DVC's queue."""
    logs = (folder / ".dvc/tmp/exps/run").rglob("*.out")
    return sum(trainings(path.read_text(encoding="utf-8")) for path in logs)


def shown_experiments(folder: Path) -> set[tuple[str, float, float]]:
    """Return epochs, NMI and loss of MoA+ of each experiment, as `dvc exp show` lists them."""
    text = call(folder, "dvc", "exp", "show", "--csv", "--no-pager", "--drop", "studies")
    table = list(csv.DictReader(io.StringIO(text[text.index("Experiment,") :])))
    return {(r["train.epochs"], float(r["moa_plus.nmi"]), float(r["moa_plus.loss"])) for r in table}


def remotes(repository: Path, kinds: tuple[str, ...] = ("a directory", S3)) -> list[dict]:
    """Push, wipe, pull, compare."""
    rows = []
    for kind in kinds:
        folder = pulled(repository, f"remote-{kind[:2].strip()}".lower())
        before = hashes(folder)
        if kind == S3:
            use_s3(folder)
        call(folder, "dvc", "push", "--quiet")
        for place in ("models", "data", ".dvc/cache", ".snakemake"):
            shutil.rmtree(folder / place)
        make(folder, "pull")
        same = hashes(folder) == before
        rows.append(
            row(f"{kind}: push, wipe, `make pull`; {len(before)} files "
                + ("with the same hashes" if same else "DIFFER"),
                str(planned_trainings(folder)), "0", same and both_are_content(folder))
        )  # fmt: skip
    return rows


def use_s3(folder: Path) -> None:
    """Start an S3 endpoint on this machine, empty except for a bucket, as the default remote."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with redirect_stdout(sys.stderr):  # where it says that it starts
        server.start()
    host, port = server.get_host_and_port()
    keys = {"access_key_id": "testing", "secret_access_key": "testing", "region": "us-east-1"}
    endpoint = f"http://{host}:{port}"
    boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        region_name=keys["region"],
    ).create_bucket(Bucket="models")
    call(folder, "dvc", "remote", "add", "--quiet", "--local", "--default", "s3", "s3://models/x")
    for name, value in {"endpointurl": endpoint, **keys}.items():
        call(folder, "dvc", "remote", "modify", "--quiet", "--local", "s3", name, value)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that DVC holds."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for place in ("data", "models")
        for path in sorted((folder / place).rglob("*"))
        if path.is_file()
    }


SEQUENCES = (one_then_the_other, pull, changes, undone, experiments, remotes)


def main() -> int:
    fetch_mnist()
    rows = []
    with tempfile.TemporaryDirectory(prefix="moaplus-agreement-") as scratch:
        repository = make_repository(Path(scratch) / "repository")
        for sequence in SEQUENCES:
            rows += sequence(repository)
            print(rows[-1]["sequence"], file=sys.stderr)
    print(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))
    return int(not all(holds(row) for row in rows))


def holds(row: dict) -> bool:
    """Tell whether a row is as it should be."""
    return row["jobs that train"] == row["expected"] and row["then both have nothing to do"] != "NO"


if __name__ == "__main__":
    sys.exit(main())
