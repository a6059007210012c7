"""One audited claim, and what every section reads."""

from dataclasses import dataclass

import pandas as pd

from moaplus import plan as paths
from moaplus.frames import load_frame
from moaplus.report.cells import images_in_words
from moaplus.report.runs import read_runs

NOT_RUN = "No run of the default studies shows this."
HEADINGS = {
    "nmi": "NMI",
    "mixture_error": "mixed loss",
    "routed_error": "routed loss",
    "dominance": "dominance",
    "load_entropy": "load entropy",
    "objective": "minimised value",
}


@dataclass(frozen=True)
class Section:
    """One audited claim.

    Attributes:
        claim: what is claimed, and where.
        tested: how it was tested.
        outcome: what came out, in words that the numbers below decide.
        verdict: the outcome in a few words.
        files: what shows it.
        body: tables, figures and proofs in Markdown.
    """

    claim: str
    tested: str
    outcome: str
    verdict: str
    files: str
    body: list[str]


def read_probe(name: str) -> pd.DataFrame:
    """Read a table of results/probes.

    Raises:
        UserError: if it is missing or damaged.
    """
    return load_frame(paths.PROBES / f"{name}.csv", f"run `moaplus probe {name}`")


def read_simulation() -> pd.DataFrame:
    """Read results/simulation.csv.

    Raises:
        UserError: if it is missing or damaged.
    """
    return load_frame(paths.SIMULATION, "run `moaplus simulate`")


def figure(name: str, caption: str) -> str:
    """A figure in Markdown."""
    return f"![{caption}](figures/{name}.png)"


def train_rows() -> pd.DataFrame:
    """Rows of runs.csv for the training images, with `images` to name what was trained on."""
    runs = read_runs()
    runs = runs[runs["split"] == "train"]
    return runs.assign(images=images_in_words(runs))
