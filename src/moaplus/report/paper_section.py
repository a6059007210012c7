"""The paper's table beside ours, with a verdict on each of its figures."""

from collections.abc import Iterator

import pandas as pd

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.runs import Selection, Study
from moaplus.report.cells import Cell, cell, markdown
from moaplus.report.claims import (
    PAPER_FIGURES,
    RULE,
    ClaimResult,
    claim_results,
    format_verdict,
)
from moaplus.report.lines import CONFIGURATION, count_images, explain_rows, lines_of, rows_by_line
from moaplus.report.quantities import QUANTITIES
from moaplus.report.titles import METHODS, describe_selection, format_images
from moaplus.theory.intervals import Estimate

PAPER = "paper"  # the study of the paper's table
LONG, SEEDS = "long", "seeds"  # of the same question, by records: docs/studies.md
SINGLE = """\
The mean is one question to a figure. The other: could a single training have shown it? The share
of our runs that round to it, with its exact 95 % interval, and where one more run would be, at
95 %:"""
COLUMNS = (  # of the table beside the paper's: heading, column of runs.csv, split
    ("NMI", "nmi", "train"),
    ("NMI, test", "nmi", "test"),
    ("NMI ceiling", "nmi_ceiling", "train"),
    ("mixed loss", "mixture_error", "train"),
    ("routed loss", "routed_error", "train"),
    ("mixed loss, test", "mixture_error", "test"),
)


def asks_the_paper(study: Study) -> bool:
    """Tell whether a study trains the paper's two models, M = 2, in one way."""
    return (
        {run.objective for run in study.runs} == set(PAPER_MODELS)
        and {run.experts for run in study.runs} == {2}
        and len({(run.network, run.training) for run in study.runs}) == 1
    )


def paper_sections(study: Study, runs: pd.DataFrame) -> list[str]:
    """Write verdicts on the paper's figures, their rule, and the paper's table beside ours."""
    return [
        "## The paper's claims",
        f"Each of {count_seeds(study)} seeds.",
        markdown(verdict_lines(study, runs)),
        SINGLE,
        markdown(single_run_lines(study, runs)),
        *rule(),
        *tables(study, runs),
    ]


def rule() -> list[str]:
    """Write how a verdict is reached."""
    return ["### The rule of the verdicts", RULE]


def tables(study: Study, runs: pd.DataFrame) -> list[str]:
    """Write the paper's table beside ours, for each selection of images."""
    return [
        part
        for selection in dict.fromkeys(run.selection for run in study.runs)
        for part in _beside_the_paper(study, runs, selection)
    ]


def count_seeds(study: Study) -> int:
    """Return how many seeds a study has."""
    return len({run.seed for run in study.runs})


def format_epochs(study: Study) -> str:
    """Return how long a study's trainings are."""
    return f"{study.runs[0].training.epochs} epochs"


def verdict_lines(
    study: Study, runs: pd.DataFrame, longer: tuple[Study, pd.DataFrame] | None = None
) -> list[dict]:
    """Return a line for each claim on each selection of images: what the mean says of it.

    Args:
        study: one that `asks_the_paper`.
        runs: its rows of runs.csv.
        longer: another such study on the same images, with its rows, whose verdicts stand beside.
    """
    lines = []
    for images, result, other in _results(study, runs, longer):
        line = {
            "images": images,
            "claim": result.title,
            "paper": result.paper,
            format_epochs(study): _measured(result),
            "verdict": f"**{format_verdict(result.verdict)}**",
            "probability of improvement": format_improvement(result.improvement),
            "seeds that would decide": _format_enough(result.enough),
        }
        if longer:
            after = format_epochs(longer[0])
            line[after] = _measured(other)
            line[f"verdict after {after}"] = f"**{format_verdict(other.verdict)}**"
        lines.append(line)
    return lines


def single_run_lines(
    study: Study, runs: pd.DataFrame, longer: tuple[Study, pd.DataFrame] | None = None
) -> list[dict]:
    """Return a line for each figure on each selection of images: what single runs say of it.

    Args: as of `verdict_lines`.
    """
    lines = []
    for images, result, other in _results(study, runs, longer):
        if result.single:
            line = {"images": images, "claim": result.title, "paper": result.paper}
            line |= _single(result, format_epochs(study))
            if longer:
                line |= _single(other, format_epochs(longer[0]))
            lines.append(line)
    return lines


def _results(
    study: Study, runs: pd.DataFrame, longer: tuple[Study, pd.DataFrame] | None
) -> Iterator[tuple[str, ClaimResult, ClaimResult | None]]:
    """Yield images, and what the study says of each claim on them; and what the longer one does."""
    for selection in dict.fromkeys(run.selection for run in study.runs):
        later = claim_results(*longer, selection) if longer else []
        beside = {(result.key, result.column): result for result in later}
        for result in claim_results(study, runs, selection):
            yield format_images(selection), result, beside.get((result.key, result.column))


def _measured(result: ClaimResult) -> str:
    """Print a mean; where trainings failed, also that of the others."""
    if not result.failed:
        return str(result.cell)
    others = Cell(result.without_failed, QUANTITIES[result.column], marked=result.marked)
    return f"{result.cell}; without {result.failed} failed: {others}"


def _single(result: ClaimResult, epochs: str) -> dict[str, object]:
    single, digits = result.single, QUANTITIES[result.column].digits
    return {
        f"{epochs}: runs that round to it": single.rounding,
        f"{epochs}: one more run": single.prediction.format(digits),
        f"{epochs}: could one run have shown it?": f"**{format_verdict(single.verdict)}**",
    }


def format_improvement(probability: Estimate | None) -> str | None:
    """Print a probability of improvement, where there is one, with its interval."""
    return None if probability is None else probability.format_interval(2)


def _format_enough(seeds: int | None) -> str | None:
    return None if seeds is None else f"{seeds:,}" if seeds else "unknown"


def _beside_the_paper(study: Study, runs: pd.DataFrame, selection: Selection) -> list[str]:
    claimed = {(figure.method, figure.quantity): figure.value for figure in PAPER_FIGURES}
    lines, rows_of = lines_of(study, selection), rows_by_line(study, runs)
    table = [
        {
            "method": METHODS[line.method],
            "paper NMI": claimed.get((line.method, "nmi")),
            "paper loss": claimed.get((line.method, "loss")),
        }
        | {heading: cell(rows_of(line, split), column) for heading, column, split in COLUMNS}
        | {CONFIGURATION: f"`{line.configuration}`"}
        for line in lines
    ]
    images = describe_selection(selection, count_images(runs, selection))
    return [
        f"### M = {lines[0].experts}: {images}",
        markdown(table),
        explain_rows(study, {heading: column for heading, column, _ in COLUMNS}),
    ]
