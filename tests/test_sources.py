"""What a change of each source runs again, and that an addition runs no training again."""

import functools
import inspect
import json
import re
import shutil
import sys
from modulefinder import ModuleFinder
from pathlib import Path

import pytest
from workspace import ROOT, call, change_params, planned_jobs

from moaplus import cli
from moaplus.plan.results import AUDIT_FIGURES


@pytest.fixture
def done(finished, tmp_path) -> Path:
    """A copy of the finished workspace, times and Snakemake's records included."""
    return shutil.copytree(finished, tmp_path / "workspace", symlinks=True)


@functools.cache
def reached(script: Path, step: str, modules: tuple[str, ...]) -> set[str]:
    """Sources that the bytecode of a command, and of modules that it loads by name, imports."""
    text = inspect.getsource(getattr(cli, f"_{step}")).replace("argparse.Namespace", "object")
    script.write_text(text + "".join(f"\nimport {module}" for module in modules))
    finder = ModuleFinder([str(ROOT / "src")])
    finder.run_script(str(script))
    files = (Path(module.__file__) for module in finder.modules.values() if module.__file__)
    return {
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.name != "__init__.py" and path.is_relative_to(ROOT / "src")
    }


def by_name(rule: str, wildcards: str, outputs: list[str]) -> tuple[str, ...]:
    """The modules that a job loads by name."""
    if rule == "train":
        _, _, network, _, objective, *_ = outputs[0].split("/")
        architecture = network.split("-")[0]
        return (
            f"moaplus.mixture.objectives.{objective}",
            f"moaplus.mixture.architectures.{architecture}",
            "moaplus.mixture.gates.small",
            "moaplus.mixture.schedules.one_cycle",
        )
    if rule == "audit":
        return tuple(f"moaplus.audit.figures.{name}" for name in AUDIT_FIGURES)
    packages = {
        "figure": "moaplus.report.figures",
        "probe": "moaplus.audit.probes",
        "reference": "moaplus.runs.references",
    }
    return (f"{packages[rule]}.{wildcards.rpartition('=')[2]}",) if rule in packages else ()


def test_a_change_of_a_source_runs_just_the_steps_again_that_reach_it(done, tmp_path):
    program = ROOT / "benchmarks/dry_runs.py"
    dry_runs = json.loads(call(done, sys.executable, str(program), str(done)))
    jobs = dry_runs["jobs"]
    sources = {}
    for job, files in jobs.items():
        rule, _, wildcards = job.partition(" ")
        rule = re.sub("^train_.*", "train", rule)
        if rule != "fetch":  # what was fetched is verified, whatever fetched it
            modules = by_name(rule, wildcards, files["output"])
            sources[job] = reached(tmp_path / "command.py", rule, modules)
    assert len(dry_runs["after"]) > 70
    for source, planned in dry_runs["after"].items():
        again, size = {job for job, files in sources.items() if source in files}, -1
        while len(again) != size:
            size = len(again)
            made = {file for job in again for file in jobs[job]["output"]}
            again |= {job for job, files in jobs.items() if made & set(files["input"])}
        assert planned == sorted(again), source
        trains = any(job.startswith("train") for job in planned)
        assert not (trains and re.search("report|audit|theory/scores", source))
        assert trains or not re.search("mixture/(fit|flat|fused|history|layers|networks)", source)


def test_a_changed_bootstrap_makes_every_interval_anew(done):
    source = done / "src/moaplus/theory/intervals.py"
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace("RESAMPLES = 9999", "RESAMPLES = 999"), encoding="utf-8")
    steps = {"table", "figure", "probe", "audit", "claims", "environment"}
    assert set(planned_jobs(done)) == steps


def test_a_changed_objective_trains_its_runs_alone(done):
    with (done / "src/moaplus/mixture/objectives/moa.py").open("a") as file:
        file.write("# changed\n")
    assert planned_jobs(done)["train"] == 2  # M 2, 3; those of moa_plus are left


def add_file(folder: Path, place: str, template: str, name: str) -> None:
    """One more module of a kind, made from one that is there."""
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


@pytest.mark.parametrize("add", [add_dataset, add_score])
def test_a_new_data_set_or_score_makes_the_report_anew_and_trains_nothing_again(done, add):
    add(done)
    planned = set(planned_jobs(done))
    assert {"score", "table", "environment"} <= planned
    assert not {"train", "select", "reference"} & planned


def test_what_was_added_can_be_used(done):
    for add in (add_objective, add_architecture, add_figure, add_score):
        add(done)
    change_params(
        done,
        lambda params: params["studies"]["smoke"].update(
            objectives=["moa", "moa_plus", "moe_again"],
            vary={"architecture": ["cae", "segnet_again"]},
            experts=[2],
            seeds=[0],
        ),
    )
    assert (
        planned_jobs(done)["train"] == 6
    )  # of one seed in place of two, so those that are there too
    files = "results/table.md", "results/figures/nmi_again.png"
    call(done, "snakemake", "--cores", "2", *files)
    logs = [path.read_text(encoding="utf-8") for path in done.glob("logs/train/*_M2_*.log")]
    assert sum("epoch 1/1" not in log for log in logs) == 2
    table = (done / "results/table.md").read_text(encoding="utf-8")
    assert re.search(r"\| Again +\| segnet_again +\|", table)
    assert " again " in next(line for line in table.splitlines() if line.startswith("| M"))
    assert (done / "results/figures/nmi_again.png").stat().st_size > 5000
