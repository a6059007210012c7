"""The committed results: they come from the committed parameters, and the README quotes them."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from workspace import ROOT

from moaplus.plan.references import REFERENCE_METHODS
from moaplus.plan.results import RESULTS, Report, report_of
from moaplus.plan.runs import SPLITS
from moaplus.plan.studies import load
from moaplus.provenance.environment import sha256_of

NAMED = sorted(path.parent.relative_to(ROOT) for path in ROOT.glob("results/studies/*/table.md"))
PLACES = [RESULTS, *NAMED]
TABLE, *STUDIES = ((ROOT / place / "table.md").read_text(encoding="utf-8") for place in PLACES)
PROSE = [path.relative_to(ROOT) for place in (ROOT, ROOT / "docs") for path in place.glob("*.md")]
TEN = "all ten digits, 12,665 images"
AUDIT = (ROOT / "results/audit.md").read_text(encoding="utf-8")
MULTIVERSE = (ROOT / "results/multiverse.md").read_text(encoding="utf-8")
README, FINDINGS, METHOD = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/findings.md", "docs/method.md")
)


@pytest.fixture(params=PLACES, ids=str)
def report(request, monkeypatch) -> Report:
    monkeypatch.chdir(ROOT)
    return report_of(load(), request.param)


def test_runs_csv_has_every_run_once(report):
    _check_rows(pd.read_csv(report.runs_table), report)


def test_the_committed_results_are_those_on_record_and_of_committed_sources(report):
    recorded = []
    for group in json.loads(report.environment.read_text(encoding="utf-8"))["results"]:
        assert re.fullmatch("[0-9a-f]{40}", group["commit"])
        recorded += group["sha256"]
        assert all(sha256_of(Path(name)) == known for name, known in group["sha256"].items())
    assert sorted(recorded) == sorted(path.as_posix() for path in report.results)


def test_every_study_that_was_run_is_in_the_list_of_studies():
    text = (ROOT / "docs/studies.md").read_text(encoding="utf-8")
    named = re.findall(r"results/studies/(\w+)/table\.md\)", text)
    assert {f"results/studies/{name}" for name in named} == {p.as_posix() for p in NAMED}


def _check_rows(rows: pd.DataFrame, report: Report) -> None:
    folders = [run.folder.as_posix() for run in report.runs]
    ours = rows[~rows["method"].isin(REFERENCE_METHODS)]
    assert sorted(ours["folder"]) == sorted([*folders, *folders])
    references = sum(len(reference.wanted) for reference in report.references)
    assert len(rows) - len(ours) == references * len(SPLITS)


def test_estimates_in_prose_are_those_of_the_tables():
    estimates = re.findall(r"\d\.\d+ \[\d\.\d+, \d\.\d+\]", README + FINDINGS + METHOD)
    assert len(estimates) >= 30
    for estimate in estimates:
        assert any(estimate in text for text in (TABLE, AUDIT, *STUDIES))


def test_every_figure_of_the_paper_has_a_verdict_in_both_readings():
    first, _, many, *_ = re.findall(r"(?:^\|.*\n)+", TABLE, re.M)
    for table, columns in ((first, 2 * 2), (many, 1)):
        verdicts = re.findall(r"\*\*(holds|does not hold.*?|can't be decided.*?)\*\*", table)
        assert len(verdicts) == columns * 9
    assert TABLE.index(first) < 200  # on the first screen
    assert "0.463" in TABLE


def test_the_readmes_answers_for_a_single_run_are_those_of_the_table():
    many, few = {}, {}
    for line in re.findall(r"^\| .* of \d+: .*\|$", TABLE, re.M):
        images, claim, _, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        of = many if " of 200: " in line else few
        of[images, claim] = [answer.strip("*") for answer in cells[2::3]]
    row = r"^\| (NMI|loss), (standard MoA|MoA\+) \| [\d.]+ ((?:\| (?:no|yes)[^|]*)+)\|$"
    printed = re.findall(row, README, re.M)
    assert len(printed) == 4
    for quantity, method, cells in printed:
        claim = (
            f"{quantity.replace('loss', 'Mixed loss')} of {method.replace('standard', 'Standard')}"
        )
        two, ten = (few[images, claim] for images in ("digits 0 and 1", TEN))
        said = [cell.strip() for cell in cells.split("|")[1:]]
        assert said == [*many["digits 0 and 1", claim], two[1], *ten]


def test_every_audited_claim_has_a_section_a_verdict_and_a_file():
    rows = re.findall(r"^\| (\d+) +\| (.*?) +\| \*\*(.+?)\*\* +\| (.+?) +\|$", AUDIT, re.M)
    assert [int(number) for number, *_ in rows] == list(range(1, len(rows) + 1))
    assert len(rows) >= 13
    for number, claim, _, files in rows:
        assert f"## {number}. {claim}".replace("\\|", "|") in AUDIT
        for path in re.findall(r"\]\((.*?)\)", files):
            assert (ROOT / "results" / path).exists()


@pytest.mark.parametrize("page", sorted(path.as_posix() for path in PROSE))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!http)(.*?)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert all((ROOT / page).parent.joinpath(link).exists() for link in links)


def test_the_readme_reads_in_a_minute():
    assert len(README.encode()) <= 9 * 1024


def words(text: str) -> str:
    """Put text in one line, so that a sentence may be wrapped anywhere."""
    return " ".join(text.split())


def counts(pattern: str, text: str) -> tuple[int, ...]:
    """Return the numbers of a sentence that must be there once."""
    (found,) = re.findall(pattern, words(text))
    return tuple(map(int, [found] if isinstance(found, str) else found))


def test_findings_count_protocols_as_the_multiverse_does():
    (every, failed, sound, higher, lower) = counts(
        r"In none of (\d+) protocols .*? In (\d+) of them a training failed.*? the other (\d+) "
        r"MoA\+ has the higher NMI in (\d+) and the lower loss in (\d+)",
        FINDINGS,
    )
    assert counts(r"A training failed in (\d+) of (\d+)", MULTIVERSE) == (failed, every)
    shares = MULTIVERSE.partition("## All four")[0]
    for claim, count in (("higher nmi", higher), ("lower loss", lower)):
        row = rf"MoA\+ has the {claim} \| \d+ of {every}: [^|]*\| (\d+) of (\d+):"
        assert counts(row, shares) == (count, sound)
    figures = counts(
        r"Its NMI of 0.8 comes out in (\d+), .*? its loss of 0.008 in (\d+), standard MoA's NMI of "
        r"0.08 in (\d+)",
        FINDINGS,
    )
    for title, count in zip(
        ("nmi of MoA+: 0.8", "loss of MoA+: 0.008", "nmi of Standard MoA: 0.08"),
        figures,
        strict=True,
    ):
        assert counts(rf"\| {re.escape(title)} \| (\d+) of {every}:", shares) == (count,)


def test_findings_say_of_pairs_and_single_runs_what_the_tables_say():
    pairs = next(text for text in STUDIES if "## All 45 pairs" in text)
    won, *by_seed = counts(
        r"clusters better than k-means on (\d+)\*\* by means over three seeds \(on (\d+), (\d+) "
        r"and (\d+) by",
        FINDINGS,
    )
    row = r"\| MoA\+ \| k-means \| (\d+) of 45 \| (\d+), (\d+), (\d+) \|"
    assert counts(row, pairs) == (won, *by_seed)
    nmi, loss, long = counts(
        r"after 6 epochs (\d+) % have an NMI of MoA\+ that rounds to 0.8, and (\d+) % a loss .*? "
        r"after 200 epochs (\d+) of 10 runs have the NMI",
        FINDINGS,
    )
    row = (
        r"\| digits 0 and 1 \| {} of MoA\+ \| [\d.]+ \| \d+ of 200: [^*]*\*\*yes \((\d+) % of runs"
    )
    assert counts(row.format("NMI"), TABLE) == (nmi,)
    assert counts(row.format("Mixed loss"), TABLE) == (loss,)
    row = r"\| digits 0 and 1 \| NMI of MoA\+ \|[^*]* of 10: [^*]*\*\*[^*]*\*\* \| (\d+) of 10:"
    assert counts(row, TABLE) == (long,)
