"""What a change of each source runs again, and that an addition runs no training again."""

import functools
import inspect
import itertools
import os
import re
import tempfile
import time
from dataclasses import dataclass
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
from workspace import ROOT, call, change_params, look, planned_jobs

from moaplus import cli
from moaplus.plan.results import AUDIT_FIGURES

JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)(?:Shell command: (.*)\n)?", re.M)
SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "src/moaplus").rglob("*.py"))


@dataclass(frozen=True)
class Job:
    """A job of a dry run: its files, and the command of `cli.py` that it calls."""

    rule: str
    wildcards: str
    inputs: frozenset[str]
    outputs: tuple[str, ...]
    command: str


def planned(folder: Path, *options: str) -> set[Job]:
    """Return the jobs that `snakemake -n` would start, except `all`."""
    text = look(folder, "-n", "--printshellcmds", *options)
    assert "This was a dry-run" in text or "Nothing to be done" in text, text
    found = set()
    for rule, body, shell in JOB.findall(text):
        lines = dict(re.findall(r"^    (\w+): (.*)$", body, re.M))
        inputs, outputs = (
            re.sub(r" \(\w+\)", "", lines.get(kind, "")).split(", ")  # without flags
            for kind in ("input", "output")
        )
        command = re.search(r"-m moaplus\.cli +(\w+)", shell)
        if command:
            wildcards = lines.get("wildcards", "")
            found.add(Job(rule, wildcards, frozenset(inputs), tuple(outputs), command[1]))
    return found


@pytest.fixture(scope="module")
def dag(finished) -> set[Job]:
    return planned(finished, "--forceall")


@functools.cache
def reached(command: str, modules: tuple[str, ...]) -> set[str]:
    """Sources that the bytecode of a command, and of modules that it loads by name, imports."""
    text = "from __future__ import annotations\n" + inspect.getsource(getattr(cli, f"_{command}"))
    text += "".join(f"\nimport {module}" for module in modules)
    finder = ModuleFinder([str(ROOT / "src")])
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(text)
        script.flush()
        finder.run_script(script.name)
    files = (Path(module.__file__) for module in finder.modules.values() if module.__file__)
    return {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.name != "__init__.py" and path.is_relative_to(ROOT / "src")
    }


def by_name(job: Job) -> tuple[str, ...]:
    """Return the modules that a job loads by name."""
    if job.command == "train":
        _, _, network, _, objective, *_ = job.outputs[0].split("/")
        architecture = network.split("-")[0]
        return (
            f"moaplus.mixture.objectives.{objective}",
            f"moaplus.mixture.architectures.{architecture}",
            "moaplus.mixture.gates.small",
            "moaplus.mixture.schedules.one_cycle",
        )
    if job.command == "audit":
        return tuple(f"moaplus.audit.figures.{name}" for name in AUDIT_FIGURES)
    packages = {
        "figure": "moaplus.report.figures",
        "probe": "moaplus.audit.probes",
        "reference": "moaplus.runs.references",
    }
    if job.command not in packages:
        return ()
    return (f"{packages[job.command]}.{job.wildcards.rpartition('=')[2]}",)


def reaching(source: str, dag: set[Job]) -> set[Job]:
    """Return the jobs that a source reaches, and those that take what they make."""
    # What was fetched is verified, whatever fetched it. What the plan says of a selection and of a
    # training stands in the name of the one and in the settings of the other.
    apart = {"fetch", "select", "train"} if source.startswith("src/moaplus/plan/") else {"fetch"}
    again = {
        job for job in dag if job.rule not in apart and source in reached(job.command, by_name(job))
    }
    while True:
        made = {file for job in again for file in job.outputs}
        more = {job for job in dag if made & job.inputs} - again
        if not more:
            return again
        again |= more


def representative(dag: set[Job]) -> list[str]:
    """Return the source of each folder that most jobs reach."""
    folders = [list(sources) for _, sources in itertools.groupby(SOURCES, os.path.dirname)]
    return [max(sources, key=lambda source: len(reaching(source, dag))) for sources in folders]


def run_just_what_reaches_them(folder: Path, dag: set[Job], sources: list[str]) -> None:
    """Change each source in turn; a dry run plans the jobs that it reaches, and no other."""
    for source in sources:
        path = folder / source
        content, before = path.read_bytes(), path.stat()
        path.write_bytes(content + b"# changed\n")
        again = planned(folder)
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert names(again) == names(reaching(source, dag)), source
        trains = any(job.command == "train" for job in again)
        assert not (trains and re.search("report|audit|theory/scores", source))
        assert trains or not re.search(
            "mixture/(fit|fused|history|kernels|layers|networks)", source
        )


def names(jobs: set[Job]) -> list[str]:
    return sorted(f"{job.rule} {job.wildcards}" for job in jobs)


def test_a_change_of_a_source_runs_just_the_steps_again_that_reach_it(done, dag):
    assert len(representative(dag)) > 15
    run_just_what_reaches_them(done, dag, representative(dag))


@pytest.mark.long
def test_a_change_of_any_source_runs_just_the_steps_again_that_reach_it(done, dag):
    assert len(SOURCES) > 70
    run_just_what_reaches_them(done, dag, SOURCES)


def test_the_time_of_a_source_runs_nothing_again(done):
    tomorrow = time.time() + 86400
    for path in (done / "src").rglob("*.py"):
        os.utime(path, (tomorrow, tomorrow))
    assert planned_jobs(done) == {}


def test_a_changed_bootstrap_makes_every_interval_anew(done):
    source = done / "src/moaplus/theory/intervals.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("9999", "999"), encoding="utf-8")
    steps = {"table", "figure", "probe", "audit", "claims", "environment"}
    assert set(planned_jobs(done)) == steps


def test_a_changed_objective_trains_its_runs_alone(done):
    with (done / "src/moaplus/mixture/objectives/moa.py").open("a") as file:
        file.write("# changed\n")
    assert planned_jobs(done)["train"] == 4  # M 2, 3 × seeds; those of moa_plus are left


def add_file(folder: Path, place: str, template: str, name: str) -> None:
    """Add one more module of a kind, made from one that is there."""
    text = (folder / f"src/moaplus/{place}/{template}.py").read_text(encoding="utf-8")
    path = folder / f"src/moaplus/{place}/{name}.py"
    path.write_text(text.replace(f"def {template}(", f"def {name}("), encoding="utf-8")


def edit(folder: Path, place: str, old: str, new: str) -> None:
    path = folder / f"src/moaplus/{place}.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def add_objective(folder: Path) -> None:
    add_file(folder, "mixture/objectives", "moe", "moe_again")
    edit(folder, "report/titles", '    "moe":', '    "moe_again": "Again",\n    "moe":')


def add_architecture(folder: Path) -> None:
    add_file(folder, "mixture/architectures", "segnet", "segnet_again")


def add_dataset(folder: Path) -> None:
    entry = '    "kmnist": Dataset('
    edit(folder, "plan/datasets", entry, f'    "again": Dataset("MNIST", {{}}),\n{entry}')


def add_study(folder: Path) -> None:
    def add(params: dict) -> None:
        params["studies"]["again"] = params["studies"]["smoke"]

    change_params(folder, add)


def add_figure(folder: Path) -> None:
    add_file(folder, "report/figures", "nmi", "nmi_again")


def add_score(folder: Path) -> None:
    line = '        "ari": adjusted'
    edit(folder, "theory/scores", line, f'        "again": 1.0,\n{line}')
    entry = '        Quantity("ari"'
    edit(
        folder,
        "report/quantities",
        entry,
        f'        Quantity("again", "again", 1, in_studies=True),\n{entry}',
    )


@pytest.mark.parametrize(
    ("add", "steps"),
    [
        (add_objective, {"table", "figure", "audit", "claims", "environment"}),
        (add_architecture, set()),
        (add_study, set()),
        (add_figure, {"figure", "environment"}),
    ],
)
def test_an_addition_trains_nothing_again(done, add, steps):
    add(done)
    assert set(planned_jobs(done)) == steps


@pytest.mark.parametrize(("add", "steps"), [(add_dataset, set()), (add_score, {"score"})])
def test_a_new_data_set_or_score_makes_the_report_anew_and_trains_nothing_again(done, add, steps):
    add(done)
    planned = set(planned_jobs(done))
    assert steps | {"runs_table", "table", "environment"} <= planned
    assert not {"train", "select", "reference"} & planned


def test_what_was_added_can_be_used(done):
    for add in (add_objective, add_architecture, add_figure, add_score):
        add(done)
    change_params(
        done,
        lambda params: params["studies"]["smoke"].update(
            objectives=["moa_plus", "moe_again"],
            vary={"architecture": ["cae", "segnet_again"]},
            experts=[2],
            seeds=[0],
            references=["kmeans"],
        ),
    )
    assert planned_jobs(done)["train"] == 3  # moe_again, and both with segnet_again
    call(done, "snakemake", "--cores", "2", "results/table.md", "results/figures/nmi_again.png")
    assert planned_jobs(done)["train"] == 0
    table = (done / "results/table.md").read_text(encoding="utf-8")
    assert re.search(r"\| Again +\| segnet_again +\|", table)
    assert " again " in next(line for line in table.splitlines() if line.startswith("| M"))
    assert (done / "results/figures/nmi_again.png").stat().st_size > 5000
