"""results/claims.md and claims.csv: every sentence of the paper that can be tested."""

from dataclasses import asdict, dataclass

import pandas as pd

from moaplus.plan.results import AUDIT_TABLE, CLAIMS_PAGE, CLAIMS_TABLE, RESULTS
from moaplus.plan.runs import Selection
from moaplus.plan.studies import Plan
from moaplus.report.cells import ABSENT, images_in_short, markdown, share
from moaplus.report.claims import FAILS, HOLDS, OPEN
from moaplus.report.ledger_texts import AUDITED, INTRODUCTION, MEASURED, SUMMARY
from moaplus.report.multiverse.readings import USUAL, held, outcomes
from moaplus.report.paper_section import LONG, PAPER, SEEDS, outcomes_of
from moaplus.report.runs_table import read_runs, recorded_runs, recorded_studies
from moaplus.storage.files import UserError, save_text
from moaplus.storage.frames import load_frame, save_frame

NOT_RUN = "not run"


@dataclass(frozen=True)
class Entry:
    """A claim of the paper.

    Attributes:
        claim: in the paper's words.
        slide: where it stands.
        images: of the run that tests it; nothing for mathematics.
        verdict: in the default protocol.
        many_seeds: in the same protocol, by many more seeds.
        after_long: after the long training.
        protocols: of the multiverse, in how many it holds.
        shown_by: file, and row in it.
        why: in one line.
    """

    claim: str
    slide: str
    images: str
    verdict: str
    many_seeds: str
    after_long: str
    protocols: str
    shown_by: str
    why: str


def write_claims(plan: Plan) -> None:
    """Write the ledger of claims, as a page and as a table.

    Raises:
        UserError: if runs.csv or audit.csv is missing or damaged, or a record is damaged.
    """
    entries = [*_measured(plan), *_audited()]
    save_frame(CLAIMS_TABLE, pd.DataFrame([asdict(entry) for entry in entries]))
    counts = {
        word: sum(entry.verdict.startswith(word) for entry in entries)
        for word in (HOLDS, FAILS, OPEN)
    }
    summary = SUMMARY.format(
        claims=len(entries), holds=counts[HOLDS], fails=counts[FAILS], open=counts[OPEN],
        other=len(entries) - sum(counts.values()),
    )  # fmt: skip
    parts = ["# The paper's claims", summary, INTRODUCTION, markdown(list(map(_line, entries)))]
    save_text(CLAIMS_PAGE, "\n\n".join(parts) + "\n")


def _line(entry: Entry) -> dict:
    return {
        "claim": entry.claim,
        "slide": entry.slide,
        "images": entry.images,
        "verdict": f"**{entry.verdict}**",
        "with many seeds": entry.many_seeds,
        "after long training": entry.after_long,
        "protocols in which it holds": entry.protocols,
        "shown by": entry.shown_by,
        "why": entry.why,
    }


def _measured(plan: Plan) -> list[Entry]:
    """The paper's figures and comparisons, in both readings of its images."""
    if PAPER not in plan.default:
        return []
    runs, study = read_runs(RESULTS / "runs.csv"), plan.studies[PAPER]
    many, later, shares = _verdicts(plan, SEEDS), _verdicts(plan, LONG), _shares(plan)
    entries = []
    for selection in dict.fromkeys(run.selection for run in study.runs):
        for outcome in outcomes_of(study, runs, selection):
            quote, why = MEASURED[outcome.key]
            entries.append(
                Entry(
                    f"{quote} ({outcome.claim})",
                    "Experimental Results",
                    images_in_short(selection),
                    outcome.verdict,
                    many.get((selection, outcome.claim), NOT_RUN),
                    later.get((selection, outcome.claim), NOT_RUN),
                    shares.get((selection.name, outcome.key), NOT_RUN),
                    "[table.md](table.md)",
                    why,
                )
            )
    return entries


def _verdicts(plan: Plan, name: str) -> dict[tuple[Selection, str], str]:
    """Verdicts of another study, by selection and claim; none where its records are not there."""
    return {
        (selection, outcome.claim): outcome.verdict
        for study, runs in recorded_studies(plan, name)
        for selection in dict.fromkeys(run.selection for run in study.runs)
        for outcome in outcomes_of(study, runs, selection)
    }


def _shares(plan: Plan) -> dict[tuple[str, str], str]:
    """In how many protocols of each reading of the images a claim holds (usual reading)."""
    protocols = plan.protocols
    runs = recorded_runs(run for protocol in protocols for run in protocol.runs)
    if not protocols or runs is None:
        return {}
    claims = held(outcomes(protocols, runs, USUAL))
    names = pd.Series([p.runs[0].selection.name for p in protocols], index=claims.index)
    return {
        (name, claim): share(part[claim]) for name, part in claims.groupby(names) for claim in part
    }


def _audited() -> list[Entry]:
    """The paper's mathematics, as the audit found it."""
    audit = load_frame(AUDIT_TABLE, "run `moaplus audit`")
    entries = []
    for quote, slide, start, why in AUDITED:
        rows = audit[audit["claim"].str.startswith(start)]
        if len(rows) != 1:
            raise UserError(f"{AUDIT_TABLE}: {len(rows)} claims begin with {start!r}; wanted: 1")
        number, row = rows.index[0] + 1, rows.iloc[0]
        shown = f"[audit.md](audit.md), {number}"
        entries.append(
            Entry(quote, slide, ABSENT, row["verdict"], ABSENT, ABSENT, ABSENT, shown, why)
        )
    return entries
