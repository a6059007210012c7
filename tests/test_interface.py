"""The workflow as users of Snakemake expect it: handles, configuration, modules, no clock."""

import os
import re
import shutil
import time
from collections import Counter

import pytest
from workspace import ROOT, call, change_params, jobs, look, planned_jobs

from moaplus.plan.config import Config, read_config
from moaplus.plan.results import PROBE_TABLES
from moaplus.storage.files import UserError

SELECTED = "data/selected/mnist-0+1-n400/images.npz"


def test_a_valid_model_outlives_whatever_fails(done):
    models = {path: path.read_bytes() for path in done.glob("models/**/model.safetensors")}
    ahead = time.time() + 3600
    os.utime(done / SELECTED, (ahead, ahead))  # so that Snakemake takes what is made for too old
    forced = ("--forcerun", "train", "--until", "train", "--", "models")
    call(done, "snakemake", "--cores", "2", *forced, ok=False)
    assert {path: path.read_bytes() for path in models} == models


def test_all_trainings_have_one_handle(done):
    assert planned_jobs(done, "models", "--forcerun", "train")["train"] == 8
    assert set(planned_jobs(done, "--forceall", "--until", "train")) == {"fetch", "select", "train"}
    said = look(done, "-n", "models", "--forcerun", "train", "--set-resources", "train:mem_mb=4000")
    assert len(re.findall(r"resources: .*\bmem_mb=4000\b", said)) == 8


def test_a_fresh_clone_computes_what_git_brings(done):
    shutil.rmtree(done / ".snakemake/metadata")
    planned = planned_jobs(done)
    assert (planned["simulate"], planned["probe"]) == (1, len(PROBE_TABLES))
    assert not planned.keys() & {"train", "score"}


def test_a_study_that_a_page_shows_may_keep_its_models(done):
    change_params(done, lambda params: params["studies"].update(nearest=params["studies"]["smoke"]))
    assert not planned_jobs(done).keys() & {"train", "score"}


def test_memory_grows_with_each_attempt():
    rules = (ROOT / "workflow/rules/train.smk").read_text(encoding="utf-8")
    asked = r"mem_mb=lambda wildcards, input, attempt: attempt\s+\* memory\(input, "
    assert len(re.findall(asked, rules)) == 2


def test_more_memory_is_asked_for_more_experts(done):
    said = look(done, "-n", "models", "--forcerun", "train")
    by_experts = re.findall(r"/M(\d)/\S+/seed1/model.*?mem_mb=(\d+)", said, re.S)
    asked = {int(experts): int(mb) for experts, mb in by_experts}
    assert 1200 < asked[2] < asked[3]


def test_a_study_is_a_target(done):
    files = (f"results/studies/smoke_scores/{name}" for name in ("table.md", "environment.json"))
    planned = planned_jobs(done, *files)
    assert planned["train"] == 4
    assert planned_jobs(done, "smoke_scores") == planned + Counter(smoke_scores=1)


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ({}, Config()),
        ({"partial": "false"}, Config()),
        ({"partial": False}, Config()),
        ({"partial": "True", "device": "gpu"}, Config("gpu", partial=True)),
    ],
)
def test_configuration_is_read(given, config, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert read_config(given, ROOT) == config


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"epochs": 3}, "epochs: no such key; allowed: device, partial, params; .* params.yaml"),
        ({"device": "cuda"}, "device=cuda: not allowed; allowed: cpu, gpu"),
        ({"partial": "maybe"}, "partial=maybe: not allowed; allowed: true, false"),
    ],
)
def test_wrong_configuration_is_refused(given, words):
    with pytest.raises(UserError, match=words):
        read_config(given, ROOT)


def test_wrong_configuration_stops_snakemake_in_a_line(done):
    said = look(done, "-n", "--config", "epochs=3", ok=False)
    assert "--config epochs: no such key" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("partial", [(), ("--config", "partial=true")])
def test_options_do_not_cancel_each_other(done, partial):
    shutil.copytree(ROOT / "profiles", done / "profiles", dirs_exist_ok=True)
    options = ("--workflow-profile", "profiles/gpu", "--forceall", "--printshellcmds")
    said = look(done, "-n", *options, *partial)
    assert len(re.findall(r"cli train \S+ --device gpu", said)) == 8
    assert len(re.findall("gpu=1", said)) == 8


def test_packages_of_the_callers_pythonpath_stay(done, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/mine.py").touch()
    with (done / "src/moaplus/cli.py").open("a") as file:
        file.write("\n")
    source = done / "src/moaplus/audit/simulation.py"
    source.write_text(f"import mine  # noqa\n{source.read_text()}", encoding="utf-8")
    path = f"PYTHONPATH={tmp_path / 'elsewhere'}"
    call(done, "env", path, "snakemake", "--cores", "1", "--force", "results/simulation.csv")


def test_it_runs_from_elsewhere_and_as_a_module(done, tmp_path):
    for folder in ("by-file", "by-directory", "module/workflow", "module/config"):
        (tmp_path / folder).mkdir(parents=True)
    said = [
        look(tmp_path / "by-file", "-n", "--snakefile", str(done / "Snakefile")),
        look(done, "-n", "--directory", str(tmp_path / "by-directory")),
    ]
    shutil.copy(ROOT / "config/config.yaml", tmp_path / "module/config")
    (tmp_path / "module/workflow/Snakefile").write_text(
        'configfile: "config/config.yaml"\n\nmodule moaplus:\n'
        f'    snakefile: "{done}/workflow/Snakefile"\n    config: config\n\n'
        "use rule * from moaplus\n",
        encoding="utf-8",
    )
    said.append(look(tmp_path / "module", "-n"))
    assert all(jobs(output)["train"] == 8 for output in said)
    (tmp_path / "module/data").mkdir()
    (tmp_path / "module/data/raw").symlink_to((done / "data/raw").resolve())
    model = "models/mnist-0+1-n400/cae-epochs=1/M2/moa/seed0/record.json"
    call(tmp_path / "module", "snakemake", "--cores", "1", "--quiet", "all", "--", model)
    assert (tmp_path / "module" / model).exists()
