"""The ledger of claims: it says what the tables say, and the README says what it says."""

import re

import numpy as np
import pandas as pd
from workspace import ROOT, read_yaml

from moaplus.report.ledger import AUDITED
from moaplus.theory.intervals import p_value

CLAIMS = pd.read_csv(ROOT / "results/claims.csv").fillna("")
TABLE = (ROOT / "results/table.md").read_text(encoding="utf-8")
AUDIT = pd.read_csv(ROOT / "results/audit.csv").fillna("")


def table_rows(text: str) -> list[list[str]]:
    """Cells of every line of the Markdown tables in some text, headings included."""
    lines = re.findall(r"^\|(.+)\|$", text, re.M)
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return [row for row in rows if row[0].strip(":-")]


def test_every_figure_and_comparison_is_there_in_both_readings_with_the_tables_verdict():
    headings, *rows = table_rows(TABLE.split("The mean is one question")[0])
    lines = [dict(zip(headings, row, strict=True)) for row in rows if len(row) == len(headings)]
    ours = CLAIMS[CLAIMS["images"] != ""]
    assert len(ours) == 2 * 9
    for _, entry in ours.iterrows():
        (line,) = (
            line
            for line in lines
            if line["images"] == entry["images"] and f"({line['claim']})" in entry["claim"]
        )
        assert line["verdict"] == f"**{entry['verdict']}**"


def test_comparisons_have_p_values_corrected_for_all_of_them():
    compared = CLAIMS["claim"].str.contains("than MoA")
    assert compared.sum() == 6
    assert not CLAIMS.loc[~compared, "p"].astype(bool).any()
    runs = pd.read_csv(ROOT / "results/runs.csv").query("split == 'train' and batch_size == 64")
    raw = []
    for claim, images in CLAIMS.loc[compared, ["claim", "images"]].itertuples(index=False):
        name = "mnist-0+1" if images == "digits 0 and 1" else "mnist-all-n12665"
        column = {"NMI": "nmi", "Mixed": "mixture_error", "Routed": "routed_error"}[
            re.search("NMI|Mixed|Routed", claim.partition("(")[2])[0]
        ]
        wide = runs.query(
            f"seed < 10 and selection == '{name}' and experts == 2 and epochs == 6"
        ).pivot_table(column, "seed", "method")
        raw.append(p_value((wide["moa_plus"] - wide["moa"]).to_numpy()))
    order = np.argsort(raw)
    factors = np.arange(6, 0, -1)
    expected = np.minimum(1, np.maximum.accumulate(factors * np.array(raw)[order]))
    found = CLAIMS.loc[compared, "p"].to_numpy()[order]
    assert found.tolist() == [f"{p:.2g}" if p >= 1e-4 else "< 0.0001" for p in expected]


def test_the_mathematics_has_the_audits_verdicts():
    audited = CLAIMS[CLAIMS["images"] == ""]
    assert len(audited) == len(AUDITED)
    assert AUDIT["key"].is_unique
    for (_, entry), (_, _, key, _) in zip(audited.iterrows(), AUDITED, strict=True):
        (row,) = (row for _, row in AUDIT.iterrows() if row["key"] == key)
        number = int(entry["shown_by"].rpartition(", ")[2])
        assert AUDIT.iloc[number - 1]["claim"] == row["claim"]
        assert entry["verdict"] == row["verdict"]
        assert row["verdict"].startswith(row["word"])
        assert row["reason"] in row["verdict"]


def test_the_page_and_the_table_are_one():
    page = (ROOT / "results/claims.md").read_text(encoding="utf-8")
    headings, *rows = table_rows(page.partition("## The ratio")[0])
    assert len(rows) == len(CLAIMS)
    for row, (_, entry) in zip(rows, CLAIMS.iterrows(), strict=True):
        line = dict(zip(headings, row, strict=True))
        assert line["claim"].replace("\\|", "|") == entry["claim"]
        assert line["verdict"].strip("*").replace("\\|", "|") == entry["verdict"]
    quantities = CLAIMS["claim"].str.extract("(NMI|loss)", flags=re.I, expand=False).str.lower()
    readings = CLAIMS.assign(
        key=CLAIMS["claim"].str.split(" \\(").str[0] + quantities.where(CLAIMS["images"] != "", ""),
        word=CLAIMS["verdict"].str.split(" \\(").str[0],
    )
    words = readings.groupby("key")["word"].agg(set)
    same = words[words.map(len) == 1].map(min)
    held, failed, undecided = (
        (same == word).sum() for word in ("holds", "does not hold", "can't be decided")
    )
    depends = len(words) - len(same)
    assert len(words) == 6 + len(AUDITED)
    assert (
        f"Of {len(words)} claims, each counted once over its readings of loss and images, {held} "
        f"hold, {failed} do not, {undecided} cannot be decided, {depends} depend on the reading, "
        f"{len(same) - held - failed - undecided} are none of these"
    ) in page.replace("\n", " ")


def test_the_default_studies_have_what_the_ledger_is_about():
    assert "paper" in read_yaml(ROOT / "params.yaml")["default"]
