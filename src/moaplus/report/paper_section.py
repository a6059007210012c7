"""The paper's table beside ours, with a verdict on each of its figures."""

from dataclasses import dataclass

import pandas as pd

from moaplus.plan.choices import PAPER_MODELS
from moaplus.plan.runs import Selection
from moaplus.plan.studies import Study
from moaplus.report.cells import (
    ABSENT,
    ROWS,
    cell,
    common_query,
    estimate_text,
    images_in_short,
    improvement,
    lines_of,
    markdown,
    mean_of,
    paired_difference,
    rows_in_words,
    title,
)
from moaplus.report.claims import (
    OPEN,
    PAPER_COMPARISONS,
    PAPER_FIGURES,
    RULE,
    comparison_verdict,
    figure_verdict,
    seeds_to_decide,
)
from moaplus.report.quantities import LOSSES, QUANTITIES
from moaplus.report.titles import METHODS
from moaplus.theory.intervals import Estimate

PAPER = "paper"  # the study of the paper's table
LONG, SEEDS = "long", "seeds"  # of the same question, by records: docs/studies.md
HEADINGS = {  # of the table beside the paper's, with their columns of runs.csv
    "NMI": "nmi",
    "NMI, test": "nmi",
    "NMI ceiling": "nmi_ceiling",
    "mixed loss": "mixture_error",
    "routed loss": "routed_error",
    "mixed loss, test": "mixture_error",
}


@dataclass(frozen=True)
class Outcome:
    """What the runs of a study say of a claim on one selection of images.

    Attributes:
        key: quantity and method of a figure; quantity of a comparison.
        claim: in words, the same in each study.
        paper: what the paper says.
        measured: ours; for a comparison, MoA+ minus MoA, seed by seed.
        column: of runs.csv.
        verdict: by `RULE`.
        limits: between which the paper's word is true.
        better: probability of improvement of MoA+ over MoA, for a comparison.
    """

    key: str
    claim: str
    paper: str
    measured: Estimate
    column: str
    verdict: str
    limits: tuple[float, ...]
    better: str

    @property
    def text(self) -> str:
        return estimate_text(self.measured, self.column)

    @property
    def mean(self) -> str:
        return self.text.split()[0]

    @property
    def word(self) -> str:
        """The verdict without its reason."""
        return self.verdict.split(" (")[0]

    @property
    def enough(self) -> str:
        """Seeds that would decide what is open."""
        if not self.verdict.startswith(OPEN):
            return ABSENT
        seeds = seeds_to_decide(self.limits, self.measured)
        return f"{seeds:,}" if seeds else "unknown"


def asks_the_paper(study: Study) -> bool:
    """Whether a study trains the paper's two models, M = 2, in one way."""
    return (
        {run.objective for run in study.runs} == set(PAPER_MODELS)
        and {run.experts for run in study.runs} == {2}
        and len({(run.network, run.training) for run in study.runs}) == 1
    )


def paper_sections(study: Study, runs: pd.DataFrame) -> list[str]:
    """Verdicts on the paper's figures, their rule, and the paper's table beside ours."""
    return [
        "## The paper's claims",
        f"Each of {count_seeds(study)} seeds.",
        markdown(verdict_lines(study, runs)),
        *rule(),
        *tables(study, runs),
    ]


def rule() -> list[str]:
    """How a verdict is reached."""
    return ["### The rule of the verdicts", RULE]


def tables(study: Study, runs: pd.DataFrame) -> list[str]:
    """The paper's table beside ours, for each selection of images."""
    parts = []
    for selection in dict.fromkeys(run.selection for run in study.runs):
        parts += _beside_the_paper(study, runs, selection)
    return parts


def count_seeds(study: Study) -> int:
    """How many seeds each of its means is over."""
    return len({run.seed for run in study.runs})


def outcomes_of(study: Study, runs: pd.DataFrame, selection: Selection) -> list[Outcome]:
    """Each figure and each comparison that the paper prints, on the training images."""
    train = runs.query(common_query(study, "train"))
    lines = {line.method: line for line in lines_of(study, selection)}
    found = []
    for figure in PAPER_FIGURES:
        line = lines[figure.method]
        for column in _columns(figure.quantity):
            measured = mean_of(train.query(line.query), column)
            found.append(
                Outcome(
                    f"{figure.quantity}_{figure.method}",
                    f"{_name(column)} of {METHODS[figure.method]}",
                    f"{figure.value}",
                    measured,
                    column,
                    figure_verdict(figure, measured),
                    figure.range,
                    ABSENT,
                )
            )
    ours, standard = (train.query(lines[name].query) for name in ("moa_plus", "moa"))
    for claimed, sign in PAPER_COMPARISONS.items():
        for column in _columns(claimed):
            difference = paired_difference(ours, standard, column)
            found.append(
                Outcome(
                    claimed,
                    f"{_name(column)}: MoA+ {'higher' if sign > 0 else 'lower'} than MoA",
                    "difference " + ("> 0" if sign > 0 else "< 0"),
                    difference,
                    column,
                    comparison_verdict(sign, difference),
                    (0.0,),
                    improvement(ours, standard, column),
                )
            )
    return found


def verdict_lines(
    study: Study, runs: pd.DataFrame, longer: tuple[Study, pd.DataFrame] | None = None
) -> list[dict]:
    """A line for each claim on each selection of images.

    Args:
        study: one that `asks_the_paper`.
        runs: its rows of runs.csv.
        longer: another such study on the same images, with its rows, whose verdicts stand beside.
    """
    lines = []
    for selection in dict.fromkeys(run.selection for run in study.runs):
        later = outcomes_of(*longer, selection) if longer else []
        beside = {outcome.claim: outcome for outcome in later}
        for outcome in outcomes_of(study, runs, selection):
            line = {
                "images": images_in_short(selection),
                "claim": outcome.claim,
                "paper": outcome.paper,
                epochs_in_words(study): outcome.text,
                "verdict": f"**{outcome.verdict}**",
                "probability of improvement": outcome.better,
                "seeds that would decide": outcome.enough,
            }
            if longer:
                after = epochs_in_words(longer[0])
                line[after] = beside[outcome.claim].text
                line[f"verdict after {after}"] = f"**{beside[outcome.claim].verdict}**"
            lines.append(line)
    return lines


def _beside_the_paper(study: Study, runs: pd.DataFrame, selection: Selection) -> list[str]:
    train, test = (runs.query(common_query(study, split)) for split in ("train", "test"))
    claimed = {(figure.method, figure.quantity): figure.value for figure in PAPER_FIGURES}
    lines = lines_of(study, selection)
    table = []
    for line in lines:
        of = {"train": train.query(line.query), "test": test.query(line.query)}
        table.append(
            {
                "method": METHODS[line.method],
                "paper NMI": claimed.get((line.method, "nmi"), ABSENT),
                "paper loss": claimed.get((line.method, "loss"), ABSENT),
            }
            | {
                heading: cell(of["test" if heading.endswith(", test") else "train"], column)
                for heading, column in HEADINGS.items()
            }
            | {ROWS: line.place}
        )
    n = train.query(lines[0].query)["n"].iloc[0]
    return [
        f"### M = {lines[0].experts}: {title(selection, n)}",
        markdown(table),
        rows_in_words(study, selection, HEADINGS),
    ]


def epochs_in_words(study: Study) -> str:
    """How long its trainings are."""
    return f"{study.runs[0].training.epochs} epochs"


def _columns(claimed: str) -> tuple[str, ...]:
    """The columns that a quantity of the paper may mean."""
    return ("nmi",) if claimed == "nmi" else LOSSES


def _name(column: str) -> str:
    heading = QUANTITIES[column].heading
    return heading[0].upper() + heading[1:]
