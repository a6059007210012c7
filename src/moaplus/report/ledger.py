"""results/claims.md and claims.csv: every sentence of the paper that can be tested."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from moaplus.plan.results import AUDIT_TABLE, CLAIMS_PAGE, CLAIMS_TABLE, RATIO_FIGURE, RESULTS
from moaplus.plan.runs import Selection
from moaplus.plan.studies import Plan
from moaplus.report.cells import Share, format_p, markdown, share
from moaplus.report.claims import (
    FAILS,
    HOLDS,
    NEITHER,
    OPEN,
    ClaimResult,
    Verdict,
    claim_results,
    format_verdict,
)
from moaplus.report.drawing import save_figure, style
from moaplus.report.failed_trainings import failed_everywhere
from moaplus.report.multiverse.readings import USUAL, failures, held, outcomes
from moaplus.report.paper_section import LONG, PAPER, SEEDS
from moaplus.report.ratio import draw_ratios, ratio_sections, ratios_by_study
from moaplus.report.runs_table import (
    everything_recorded,
    read_runs,
    recorded_runs,
    recorded_studies,
)
from moaplus.report.titles import format_images
from moaplus.storage.files import UserError, save_text
from moaplus.storage.frames import load_frame, save_frame
from moaplus.theory.intervals import holm

NOT_RUN, DEPENDS = "not run", "depends on the reading"

SUMMARY = """\
## Reproducibility summary

**Scope.** The talk "MoA+: Mixture of Autoencoders with Varying Concentrations for Enhanced Image
Clustering" (V. Tunik, 10 April 2025): its table of NMI and loss for MNIST with M = 2, and its
sentences about the method's mathematics.

**Method.** The talk has no code. Both models were written from its formulas and trained under equal
budgets; where it leaves a choice open, we declared the options before any result and drew a sample
of them (docs/multiverse.md). Labels chose nothing. Clusters and losses were computed a second time
by independent programs in the tests.

**Results.** Of {claims} claims, each counted once over its readings of loss and images, {holds}
hold, {fails} do not, {open} cannot be decided, {depends} depend on the reading, {other} are none of
these, and say so.

**What was easy.** The method is a few lines once Γ⁻¹ is read correctly; MNIST is public; a training
takes seconds.

**What was difficult.** The talk names neither images, nor budget, nor architecture, nor which error
its loss is; the printed minimax weights do not conform. So there is not one replication but a space
of them.

**Communication with the author.** The author was not asked."""

INTRODUCTION = """\
## Ledger

*Verdict* is that of the default protocol, by the rule in [table.md](table.md) or in the section of
[audit.md](audit.md) that is named; *with many seeds* and *after long training* are the studies
`seeds` and `long` (docs/studies.md). These are verdicts on the mean. *A single run* tells whether
one training could have shown the figure ([docs/verdicts.md](../docs/verdicts.md)): in the default
protocol; with many seeds; after long training. *p by Holm* is that of a mean difference of zero,
corrected for all comparisons of the ledger. *Protocols in which it holds* counts the protocols
of the multiverse on the same images (docs/multiverse.md, rule 1)."""

# By the key of the claim: quote, why.
MEASURED = {
    "nmi_moa": (
        "Standard MoA, NMI 0.08",
        "The gate gives nearly all images to one expert: its clusters say next to nothing.",
    ),
    "nmi_moa_plus": (
        "MoA+, NMI 0.8",
        "The bound makes two clusters of even size; whether they are the digits differs by seed. "
        "With ten digits two clusters cannot reach it.",
    ),
    "loss_moa": (
        "Standard MoA, loss 0.018",
        "One expert learns all images, and does so well.",
    ),
    "loss_moa_plus": (
        "MoA+, loss 0.008",
        "Its loss depends on the budget, which the talk does not print: it falls from above 0.008 "
        "to far below as training goes on.",
    ),
    "nmi": (
        "MoA+ significantly outperforms",
        "Even clusters can agree with the digits; one cluster cannot.",
    ),
    "loss": (
        "MoA+ significantly outperforms",
        "In a short training each expert of MoA+ sees fewer images; in a long one two experts know "
        "their halves better than one knows all.",
    ),
}

# Quote, slide, key of the audit's section, why.
AUDITED = (
    (
        "A_n = (PᵀP)⁻¹P",
        "Intro to Mixture Model with Varying Concentrations",
        "weights_shape",
        "P has n rows, Γ has M: the product needs P on the left.",
    ),
    (
        "Minimax weights … adjusting p to balance contributions",
        "Intro to Mixture Model with Varying Concentrations",
        "weights_unbiased",
        "It is how the weights are defined: ΓΓ⁻¹ = I.",
    ),
    (
        "Regularizes the gate, balances experts, and improves clustering by tackling dominance",
        "Synthesis of MoE and MM with Varying Concentrations",
        "balance",
        "A gate that neglects an expert has a small eigenvalue of Γ, which the bound punishes.",
    ),
    (
        "Upper Bound (only for M=2)",
        "Modified Loss Function",
        "bound_two",
        "It leaves out the terms off the diagonal, of which a negative s is made.",
    ),
    (
        "In general, this bounding is not true for M > 2",
        "Modified Loss Function",
        "bound_more",
        "Entries of Γ⁻¹ off the diagonal can then be positive.",
    ),
    (
        "but it can still be used",
        "Modified Loss Function",
        "bound_in_training",
        "Training keeps s positive where it minimises the bound.",
    ),
    (
        "The initial loss is difficult to differentiate",
        "Modified Loss Function",
        "differentiability",
        "Automatic differentiation handles the inverse of an M × M matrix.",
    ),
)


@dataclass(frozen=True)
class Entry:
    """A claim of the paper in one of its readings.

    Attributes:
        key: of the claim, the same in all its readings.
        claim: in the paper's words.
        slide: where it stands.
        verdict: in the default protocol.
        p: of a comparison there, by Holm's correction over those of the ledger.
        shown_by: file, and row in it.
        why: in one line.
        images: of the run that tests it; nothing for mathematics.
        many_seeds: in the same protocol, by many more seeds.
        after_long: after the long training.
        single: whether a single run could have shown a figure: in the default protocol, with many
            seeds, after the long training.
        protocols: of the multiverse, in how many it holds.
    """

    key: str
    claim: str
    slide: str
    verdict: Verdict
    shown_by: str
    why: str
    images: str = ""
    many_seeds: Verdict | str = ""
    after_long: Verdict | str = ""
    single: str = ""
    p: str = ""
    protocols: Share | str = ""


def write_claims(plan: Plan) -> None:
    """Write the ledger of claims, as a page and as a table.

    Raises:
        UserError: if runs.csv or audit.csv is missing or damaged, or a record is damaged.
    """
    entries = [*_measured(plan), *_audited()]
    table = [_printed(entry) for entry in entries]
    save_frame(CLAIMS_TABLE, pd.DataFrame(table))
    words: dict[str, set[str]] = {}
    for entry in entries:
        words.setdefault(entry.key, set()).add(entry.verdict.word)
    counts = Counter(min(found) if len(found) == 1 else DEPENDS for found in words.values())
    summary = SUMMARY.format(
        claims=len(words), holds=counts[HOLDS], fails=counts[FAILS], open=counts[OPEN],
        depends=counts[DEPENDS], other=counts[NEITHER],
    )  # fmt: skip
    lines = [
        {
            HEADINGS[name]: f"**{value}**" if name == "verdict" else value
            for name, value in row.items()
        }
        for row in table
    ]
    recorded = everything_recorded(plan)
    ratios = ratios_by_study(recorded)
    style()
    save_figure(draw_ratios(ratios), RATIO_FIGURE)
    parts = [
        "# The paper's claims",
        summary,
        INTRODUCTION,
        markdown(lines),
        "## The ratio of the losses",
        *ratio_sections(ratios),
        "## Failed trainings",
        *failed_everywhere(recorded),
    ]
    save_text(CLAIMS_PAGE, "\n\n".join(parts) + "\n")


HEADINGS = {  # of the page, by column of claims.csv
    "claim": "claim",
    "slide": "slide",
    "images": "images",
    "verdict": "verdict",
    "p": "p by Holm",
    "many_seeds": "with many seeds",
    "after_long": "after long training",
    "single": "a single run",
    "protocols": "protocols in which it holds",
    "shown_by": "shown by",
    "why": "why",
}


def _printed(entry: Entry) -> dict[str, str]:
    """Return an entry as a row of claims.csv."""
    values = {name: getattr(entry, name) for name in HEADINGS}
    return {
        name: format_verdict(value) if isinstance(value, Verdict) else str(value)
        for name, value in values.items()
    }


def _measured(plan: Plan) -> list[Entry]:
    """Return the paper's figures and comparisons, in both readings of its images."""
    if PAPER not in plan.default:
        return []
    runs, study = read_runs(RESULTS / "runs.csv"), plan.studies[PAPER]
    results = [
        (selection, result)
        for selection in dict.fromkeys(run.selection for run in study.runs)
        for result in claim_results(study, runs, selection)
    ]
    adjusted = holm([result.p for _, result in results])
    many, later, shares = _results(plan, SEEDS), _results(plan, LONG), _shares(plan)
    entries = []
    for (selection, result), p in zip(results, adjusted, strict=True):
        quote, why = MEASURED[result.key]
        same = selection, result.key, result.column
        entries.append(
            Entry(
                key=result.key,
                claim=f"{quote} ({result.title})",
                slide="Experimental Results",
                verdict=result.verdict,
                p=format_p(p),
                shown_by="[table.md](table.md)",
                why=why,
                images=format_images(selection),
                many_seeds=many[same].verdict if same in many else NOT_RUN,
                after_long=later[same].verdict if same in later else NOT_RUN,
                single="; ".join(map(_single, [result, many.get(same), later.get(same)])),
                protocols=shares.get((selection.name, result.key), NOT_RUN),
            )
        )
    return entries


def _results(plan: Plan, name: str) -> dict[tuple[Selection, str, str], ClaimResult]:
    """Return results of another study by selection, key and column; none without its records."""
    return {
        (selection, result.key, result.column): result
        for study, runs in recorded_studies(plan, name)
        for selection in dict.fromkeys(run.selection for run in study.runs)
        for result in claim_results(study, runs, selection)
    }


def _single(result: ClaimResult | None) -> str:
    """Print what single runs of a study say of a figure; of a comparison, how often it is so."""
    if result is None:
        return NOT_RUN
    if result.single:
        return format_verdict(result.single.verdict)
    return f"{100 * result.improvement.mean:.0f} % of pairs" if result.improvement else ""


def _shares(plan: Plan) -> dict[tuple[str, str], Share]:
    """Count in how many protocols of each reading of the images a claim holds (usual reading)."""
    protocols = plan.protocols
    runs = recorded_runs(run for protocol in protocols for run in protocol.runs)
    if not protocols or runs is None:
        return {}
    claims = held(outcomes(protocols, runs, USUAL), failures(protocols, runs))
    names = pd.Series([p.runs[0].selection.name for p in protocols], index=claims.index)
    return {
        (name, claim): share(part[claim]) for name, part in claims.groupby(names) for claim in part
    }


def _audited() -> list[Entry]:
    """Return the paper's mathematics, as the audit found it."""
    audit = load_frame(AUDIT_TABLE, "run `moaplus audit`").fillna("")
    numbers = {key: number for number, key in enumerate(audit["key"], 1)}
    missing = [key for _, _, key, _ in AUDITED if key not in numbers]
    if missing:
        raise UserError(f"{AUDIT_TABLE}: no section {', '.join(missing)}; run `moaplus audit`")
    return [
        Entry(
            key=key,
            claim=quote,
            slide=slide,
            verdict=Verdict(*audit.loc[numbers[key] - 1, ["word", "reason"]]),
            shown_by=f"[audit.md](audit.md), {numbers[key]}",
            why=why,
        )
        for quote, slide, key, why in AUDITED
    ]
