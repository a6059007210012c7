"""The committed results: they come from the committed parameters, and the README quotes them."""

import json
import re

import pandas as pd
import pytest
from conftest import ROOT

from moaplus import environment, plan

NAMED_STUDIES = ("objectives", "architectures", "many_experts")
TABLE, AUDIT, *STUDIES = (
    (ROOT / "results" / name).read_text(encoding="utf-8")
    for name in ("table.md", "audit.md", *(f"studies/{study}.md" for study in NAMED_STUDIES))
)
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_runs_csv_has_every_run_of_the_default_studies_once(monkeypatch):
    monkeypatch.chdir(ROOT)
    the_plan = plan.load()
    _check_rows(pd.read_csv(ROOT / "results/runs.csv"), the_plan.runs.values())


@pytest.mark.parametrize("name", NAMED_STUDIES)
def test_the_rows_of_a_named_study_are_its_runs(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    study = plan.load().study(name)
    _check_rows(pd.read_csv(study.runs_table), study.runs)


def test_the_committed_results_are_those_on_record_and_of_committed_sources(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert environment.changed_results() == []
    named = [plan.load().study(name) for name in NAMED_STUDIES]
    tables = [path for study in named for path in (study.table, study.runs_table)]
    recorded = []
    for record in (plan.ENVIRONMENT, *(study.environment for study in named)):
        for group in json.loads(record.read_text(encoding="utf-8"))["results"]:
            assert re.fullmatch("[0-9a-f]{40}", group["commit"])
            recorded += group["sha256"]
    assert sorted(recorded) == sorted(path.as_posix() for path in plan.results() + tables)


def _check_rows(rows: pd.DataFrame, runs) -> None:
    folders = [run.folder.as_posix() for run in runs]
    ours = rows[~rows["method"].isin(plan.REFERENCES)]
    assert sorted(ours["folder"]) == sorted([*folders, *folders])
    references = sum(len(reference.seeds) for reference in plan.references(runs))
    assert len(rows) - len(ours) == references * len(plan.REFERENCES) * len(plan.SPLITS)


def test_estimates_in_the_readme_are_those_of_the_tables():
    estimates = re.findall(r"\d\.\d+ \[\d\.\d+, \d\.\d+\]", README)
    assert len(estimates) >= 12
    for estimate in estimates:
        assert any(estimate in text for text in (TABLE, AUDIT, *STUDIES))


def test_every_figure_of_the_paper_has_a_verdict_in_both_readings():
    section = TABLE.split("### The rule")[0]
    verdicts = re.findall(r"\*\*(holds|does not hold.*?|can't be decided.*?)\*\*", section)
    assert len(verdicts) == 2 * 9
    assert "0.463" in TABLE


def test_every_audited_claim_has_a_section_a_verdict_and_a_file():
    rows = re.findall(r"^\| (\d+) +\| (.*?) +\| \*\*(.+?)\*\* +\| (.+?) +\|$", AUDIT, re.M)
    assert [int(number) for number, *_ in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= 13
    for number, claim, _, files in rows:
        assert f"## {number}. {claim}".replace("\\|", "|") in AUDIT
        for path in re.findall(r"\]\((.*?)\)", files):
            assert (ROOT / "results" / path).exists()


def test_verdicts_in_the_readme_are_those_of_the_tables():
    section = README.split("## What the paper claims")[1].split("\n## ")[0]
    verdicts = re.findall(r"\*\*(.+?)\*\*", section)
    assert len(verdicts) >= 10
    for verdict in verdicts:
        assert f"**{verdict}" in TABLE + AUDIT
