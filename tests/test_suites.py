"""Pages of docs that suites write: their form, and how they are written."""

import re
import sys

import benchmark
import growth
import pytest
import torch
import view_benchmark
from workspace import ROOT
from written import between, made, marks, page_of

from moaplus.data.images import load_images
from moaplus.mixture.fit import start
from moaplus.runs.model import build

SUITES = sorted(
    suite
    for page in ROOT.glob("docs/*.md")
    for suite in re.findall(r"<!-- (\w+) -->", page.read_text(encoding="utf-8"))
)


def test_every_suite_that_make_writes_has_its_place():
    recipes = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"written\.py (\w+)", recipes))
    named |= set(re.search(r"^(.*): environment\n.*written\.py \$@", recipes, re.M)[1].split())
    assert named == set(SUITES)
    assert all((ROOT / f"benchmarks/{suite}.py").exists() for suite in SUITES)


@pytest.mark.parametrize("suite", SUITES)
def test_a_suites_part_names_commit_and_machine_and_has_a_table(suite):
    first, last = marks(suite)
    text = page_of(suite).read_text(encoding="utf-8")
    part = text[text.index(first) + len(first) : text.index(last)].strip()
    assert re.match(r"Commit [0-9a-f]{7,}, .+, \d+ cores?:\n\n", part)
    rows = [line.count("|") for line in part.splitlines() if line.startswith("|")]
    assert len(rows) >= 3


def test_a_part_is_replaced_and_the_rest_of_the_page_stays():
    page = "above\n<!-- s -->\nold\n<!-- end of s -->\nbelow\n"
    assert between(page, "s", "| new |\n") == page.replace("old", "| new |")
    with pytest.raises(ValueError, match="substring"):
        between("no marks", "s", "")


def test_what_made_a_part_is_this_commit():
    assert re.fullmatch(r"Commit [0-9a-f]{7,}(-dirty)?, .+, \d+ cores?:", made())


def test_the_time_of_a_run_is_added_up_by_kind(finished):
    table = growth.by_kind(finished).set_index("kind")
    runs = sorted(finished.glob("models/**/record.json"))
    assert table.loc["train", "jobs"] == table.loc["score", "jobs"] == len(runs)
    assert {"audit", "claims", "figure", "select", "reference kmeans"} < set(table.index)
    parts = table.drop(index="all")
    assert table.loc["all", "jobs"] == parts["jobs"].sum()
    assert table.loc["all", "seconds"] == pytest.approx(
        parts["seconds"].sum(), abs=0.05 * len(parts)
    )


def test_what_the_benchmarks_time_runs(smoke_run, two_views_run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmark.py"])
    monkeypatch.setattr(benchmark, "EXPERTS", (smoke_run.experts,))
    for program in (benchmark, view_benchmark):
        monkeypatch.setattr(program, "STEPS", 1)
    benchmark.main()
    assert len(capsys.readouterr().out.splitlines()) == 3
    images = torch.from_numpy(load_images(smoke_run.selection)["train"])
    state = start(build(two_views_run), 0, views=two_views_run.training.views)
    view_benchmark.ours(state, two_views_run, images)()
    view_benchmark.script(two_views_run, images)()
    for part in view_benchmark.parts(two_views_run, images).values():
        part()
