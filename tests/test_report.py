"""The HTML report, as a browser without a network shows it."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from workspace import call, jobs, make_workspace

from moaplus.plan.choices import names

CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
FAILURES = """<script>
const failures = [];
addEventListener("error", event => failures.push(event.message || String(event.target.src)), true);
console.error = message => failures.push(String(message));
function say(found) {
  const element = document.createElement("pre");
  element.id = "said";
  element.textContent = JSON.stringify({failures, ...found});
  document.body.append(element);
}
</script>"""
FIGURES = """<script>
addEventListener("load", () => setTimeout(async () => {
  const drawn = {};
  for (const [path, result] of Object.entries(results)) {
    if (!path.endsWith(".png")) continue;
    const image = new Image();
    await new Promise(done => {
      image.onload = image.onerror = done;
      image.src = result.data_uri;
    });
    drawn[path] = [image.naturalWidth, result.caption];
  }
  say({drawn, opens: document.body.innerText});
}, 3000));
</script>"""
SORTED = """<script>
addEventListener("load", () => setTimeout(async () => {
  const heading = [...document.querySelectorAll("th")].find(x => x.textContent.trim() == "nmi");
  const column = [...heading.parentNode.children].indexOf(heading);
  const values = () => [...document.querySelector("tbody").rows].map(
    row => Number(row.children[column].textContent));
  const sort = async () => {
    heading.querySelector(".dt-column-order").click();
    await new Promise(done => setTimeout(done, 1000));
    return values();
  };
  const rising = await sort();
  say({rising, falling: await sort()});
}, 3000));
</script>"""


def shown(page: Path, script: str, folder: Path) -> dict:
    """Return what a script finds in a page that Chromium has opened from disk."""
    if shutil.which("chromium") is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    text = page.read_text(encoding="utf-8").replace("<head>", f"<head>{FAILURES}", 1) + script
    copy = folder / "shown.html"
    copy.write_text(text, encoding="utf-8")
    dom = subprocess.run(
        [*CHROMIUM, "--virtual-time-budget=60000", "--dump-dom", copy.as_uri()],
        check=True, capture_output=True, text=True, timeout=300,
    ).stdout  # fmt: skip
    return json.loads(unescape(re.search('<pre id="said">(.*?)</pre>', dom, re.S)[1]))


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "workspace"
    shutil.copytree(finished, folder, symlinks=True)
    for page in (folder / "results").glob("*.html"):
        page.unlink()  # as after `dvc pull`
    said = call(folder, "snakemake", "--report", "results/report.html", ok=False)
    assert "then `make report`" in said
    assert not jobs(call(folder, "snakemake", "--cores", "1", "pages"))["train"]
    call(folder, "snakemake", "--report", "results/report.html")
    return folder / "results/report.html"


def test_the_report_opens_without_an_error_and_every_figure_is_drawn(report, tmp_path):
    found = shown(report, FIGURES, tmp_path)
    assert found["failures"] == []
    assert "Does MoA+ do what its talk claims?" in found["opens"]
    drawn = {Path(path).stem for path in found["drawn"]}
    assert drawn == set(names("report/figures"))
    assert all(width > 100 and caption for width, caption in found["drawn"].values())


def test_the_table_of_runs_is_sorted_by_a_click(report, tmp_path):
    found = shown(report.with_name("runs.html"), SORTED, tmp_path)
    assert found["failures"] == []
    assert found["rising"] == sorted(found["rising"])
    assert found["falling"] == sorted(found["falling"], reverse=True)
    assert found["falling"][0] > found["rising"][0]


def test_a_report_needs_no_network(report):
    for page in (report.with_name("runs.html"), report.with_name("table.html")):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", text)


def test_a_study_that_was_never_run_is_not_reported(report):
    command = ("--report", "other.html", "results/studies/smoke_scores/table.md")
    said = call(report.parents[1], "snakemake", *command, ok=False)
    assert (
        "results/studies/smoke_scores: its pages are not there; run `snakemake --cores all "
        "results/studies/smoke_scores/{table,runs}.html`" in said
    )


def test_a_report_without_a_run_says_what_to_do(tmp_path):
    folder = make_workspace(tmp_path / "workspace", None)
    for command in (("--report", "results/report.html"), ("--cores", "1", "pages")):
        said = call(folder, "snakemake", *command, ok=False)
        assert "the report needs a whole run: `make reproduce`, then `make report`" in said
