"""The committed results: they come from the committed parameters, and the README quotes them."""

import re

import pandas as pd
from conftest import ROOT

from moaplus import plan

TABLE = (ROOT / "results/table.md").read_text(encoding="utf-8")


def test_runs_csv_has_every_run_of_the_default_studies_once(monkeypatch):
    monkeypatch.chdir(ROOT)
    the_plan = plan.load()
    runs = pd.read_csv(ROOT / "results/runs.csv")
    ours = runs[~runs["method"].isin(plan.REFERENCES)]
    assert sorted(ours["folder"]) == sorted([*the_plan.runs, *the_plan.runs])
    references = sum(len(r.seeds) for r in the_plan.references.values())
    assert len(runs) - len(ours) == references * len(plan.REFERENCES) * len(plan.SPLITS)


def test_estimates_in_the_readme_are_those_of_the_table():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    estimates = re.findall(r"\d\.\d+ \[\d\.\d+, \d\.\d+\]", readme)
    assert len(estimates) >= 8
    for estimate in estimates:
        assert estimate in TABLE


def test_every_figure_of_the_paper_has_a_verdict_in_both_readings():
    verdicts = re.findall(r"\*\*(holds|does not hold.*?|can't be decided.*?)\*\*", TABLE)
    assert len(verdicts) == 2 * 9
    assert "0.463" in TABLE
