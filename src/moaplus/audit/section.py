"""One audited claim, and what every section reads."""

from dataclasses import dataclass

import pandas as pd

from moaplus.plan.results import PROBES, RESULTS, SIMULATION
from moaplus.plan.studies import Plan
from moaplus.report.claims import Verdict
from moaplus.report.runs_table import read_runs
from moaplus.report.titles import label_rows
from moaplus.storage.frames import load_frame

NOT_RUN = "No run of the default studies shows this."
MOA_PLUS = ("moa_plus_exact", "moa_plus", "moa_plus_frobenius")  # minimise |s| or a bound of it


@dataclass(frozen=True)
class Section:
    """One audited claim.

    Attributes:
        key: names it in audit.csv.
        claim: what is claimed, and where.
        tested: how it was tested.
        outcome: what came out, in words that the numbers below decide.
        verdict: the outcome; of claims that are the paper's, the ledger counts its word.
        files: what shows it.
        body: tables, figures and proofs in Markdown.
    """

    key: str
    claim: str
    tested: str
    outcome: str
    verdict: Verdict
    files: str
    body: list[str]


def read_probe(name: str) -> pd.DataFrame:
    """Read a table of results/probes.

    Raises:
        UserError: if it is missing or damaged.
    """
    return load_frame(PROBES / f"{name}.csv", f"run `moaplus probe {name}`")


def read_simulation() -> pd.DataFrame:
    """Read results/simulation.csv.

    Raises:
        UserError: if it is missing or damaged.
    """
    return load_frame(SIMULATION, "run `moaplus simulate`")


def figure(name: str, caption: str) -> str:
    """Return a figure in Markdown."""
    return f"![{caption}](figures/{name}.png)"


def train_rows(plan: Plan) -> pd.DataFrame:
    """Return rows of runs.csv of the training images, with `images` to name what was trained on."""
    runs = read_runs(RESULTS / "runs.csv")
    runs = runs[runs["split"] == "train"]
    return runs.assign(images=label_rows(runs, plan))
