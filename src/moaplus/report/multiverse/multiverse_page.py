"""results/multiverse.md and its figures, from the records of the multiverse's protocols."""

import pandas as pd
from threadpoolctl import threadpool_limits

from moaplus.plan.multiverse import Protocol
from moaplus.plan.params import MultiverseBlock
from moaplus.plan.results import MULTIVERSE_CURVES, MULTIVERSE_PAGE, Report
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.coverage import EXPLANATION
from moaplus.report.drawing import save_figure, style
from moaplus.report.multiverse import curves
from moaplus.report.multiverse.decisions import (
    OUTCOMES,
    accuracy_table,
    effects_table,
    format_option,
    measured,
    sensitivities_table,
    surrogates,
    variance_table,
)
from moaplus.report.multiverse.joint import EXCHANGES, joint_table, left_out_table
from moaplus.report.multiverse.nearest import fresh_seeds, nearest_table
from moaplus.report.multiverse.readings import (
    USUAL,
    all_at_once,
    claims_by_reading,
    failures,
    held,
    outcomes,
    outcomes_by_seed,
    shares_table,
)
from moaplus.report.multiverse.surrogate import REPEATS, TRUSTED, Surrogate
from moaplus.report.runs_table import read_runs, recorded_studies
from moaplus.storage.files import save_text

NEEDS = ("epochs", "latent")  # decisions that the page sets side by side

INTRODUCTION = """\
The paper leaves open what images, which autoencoders, how long a training, and more. Here both of
its models are trained under {n} protocols, a sample of what can be defended: the decisions, their
options and the rules of this page are in [docs/multiverse.md](../docs/multiverse.md), which was
committed before any of these results existed. Where nothing else is said, loss is that of the mixed
reconstruction, NMI the arithmetic one of the gate's argmax, both on the training images."""


@threadpool_limits.wrap(limits=1)  # the last bits depend on the number of threads
def write_multiverse(plan: Plan, report: Report) -> None:
    """Write the page and its specification curves."""
    runs, params = read_runs(report.runs_table), plan.params.multiverse
    protocols = plan.protocols
    found = outcomes(protocols, runs, USUAL)
    fitted = surrogates(protocols, params, found)
    style()
    for name, paths in MULTIVERSE_CURVES.items():
        figure = curves.draw(name, protocols, params, measured(found)[name], fitted[name])
        save_figure(figure, paths)
    parts = [
        "# For which protocols does the paper hold?",
        INTRODUCTION.format(n=len(protocols)),
        *_counted(protocols, runs, found),
        *_jointly(plan, runs, found, params),
        *_nearest(plan, runs),
        *_decisions(fitted, params),
        "## Why: the losses along long training",
        _why(plan),
        "## Specification curves",
        "Bars are 1.96 standard deviations of what the Gaussian process takes for noise.",
        *(
            f"![{OUTCOMES[name]}](multiverse/{paths[0].name})"
            for name, paths in MULTIVERSE_CURVES.items()
        ),
    ]
    save_text(MULTIVERSE_PAGE, "\n\n".join(parts) + "\n")


def _counted(protocols: tuple[Protocol, ...], runs: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    """Write in how many protocols each claim holds, and whether all figures do at once."""
    claims, lost = claims_by_reading(protocols, runs), failures(protocols, runs).any(axis=1)
    answer, against = all_at_once(protocols, claims)
    return [
        "## In how many protocols each claim holds",
        "Count, share and Wilson's 95 % interval; a figure holds where ours rounds to it. Of a "
        "training that failed ([docs/verdicts.md](../docs/verdicts.md)) nothing holds.",
        markdown(shares_table(protocols, claims, lost)),
        *_failed(protocols, found, lost),
        "## All four figures at once?",
        answer,
        *([markdown(against)] if against else []),
    ]


def _nearest(plan: Plan, runs: pd.DataFrame) -> list[str]:
    """Write the protocols nearest to the paper's table, and what fresh seeds make of three."""
    return [
        "## The protocols nearest to the paper's table",
        markdown(nearest_table(plan.protocols, runs)),
        "A search finds lucky runs too, so the three nearest are trained again, with seeds that no "
        "other run has. What follows is of those alone, by the rule of the verdicts in "
        "[table.md](table.md).",
        EXPLANATION,
        *fresh_seeds(plan, plan.protocols, runs),
    ]


def _decisions(fitted: dict[str, Surrogate], params: MultiverseBlock) -> list[str]:
    """Write which decision matters."""
    trusted = {name: surrogate for name, surrogate in fitted.items() if surrogate.is_trusted}
    parts = [
        "## Which decision matters",
        "A Gaussian process from options to each outcome: what it explains of protocols that it "
        f"has not seen, over {REPEATS} ten-fold cross-validations. Of an outcome with a mean below "
        f"{TRUSTED} it says nothing, and nothing is shown.",
        markdown(accuracy_table(fitted)),
    ]
    if trusted:
        parts += [
            "First-order Sobol' indices: the share of an outcome's variance over the space that a "
            "decision explains alone.",
            markdown(sensitivities_table(trusted)),
            "What each option makes of the outcomes, all else averaged:",
            markdown(effects_table(trusted, params)),
        ]
    if "ratio" in trusted:
        parts += [
            "Log of the ratio of losses (below 0: MoA+ has the lower loss), by epochs and size of "
            "the code, all else averaged:",
            markdown(_dependence(trusted["ratio"], params)),
        ]
    return parts


def _jointly(
    plan: Plan, runs: pd.DataFrame, found: pd.DataFrame, params: MultiverseBlock
) -> list[str]:
    """Write what all protocols say together, and what hangs on a single option."""
    lost = failures(plan.protocols, runs)
    return [
        "## All protocols together",
        "A joint test over the specification curve (Simonsohn, Simmons and Nelson 2020): how often "
        "would the two models' labels, exchanged at random within protocols, give a difference as "
        f"large? {EXCHANGES:,} exchanges; two-sided.",
        markdown(joint_table(found, lost.any(axis=1))),
        "Where one option is left out of the multiverse, each share lies between these:",
        markdown(left_out_table(plan.protocols, params, held(found, lost))),
        *_seeds(plan, runs, params),
    ]


def _seeds(plan: Plan, runs: pd.DataFrame, params: MultiverseBlock) -> list[str]:
    """Write how much of an outcome's variance is that of seeds, where there are several."""
    if params.seeds == 1:
        return []
    by_seed = measured(outcomes_by_seed(plan.protocols, runs, USUAL))
    return [
        f"Each protocol has {params.seeds} seeds; above, an outcome is its mean over them, and a "
        "protocol with a failed training at any seed counts as failed. The variance of a single "
        "outcome, split into that between protocols and that between seeds (one-way random "
        "effects; protocols whose trainings all ended in numbers):",
        markdown(variance_table(by_seed)),
    ]


def _failed(protocols: tuple[Protocol, ...], found: pd.DataFrame, lost: pd.Series) -> list[str]:
    """Name the protocols in which a training failed, and those in which one diverged."""
    parts = []
    for word, numbers in {
        "failed": lost.index[lost],
        "diverged": found.index[found.isna().any(axis=1)],
    }.items():
        if len(numbers):
            names = (p.runs[0].protocol.as_posix() for p in protocols if p.number in numbers)
            listed = ", ".join(f"`{name}`" for name in names)
            parts.append(f"A training {word} in {len(numbers)} of {len(protocols)}: {listed}")
    return parts


def _why(plan: Plan) -> str:
    if not recorded_studies(plan, "codes"):
        return "The study `codes` has not been run under these settings."
    return (
        "[Study `codes`](studies/codes/table.md) trains both models for long, by size of the code."
        "\n\n![Losses and loads along training](studies/codes/codes.png)"
    )


def _dependence(surrogate: Surrogate, params: MultiverseBlock) -> list[dict]:
    """Return partial dependence on two decisions: a row for each option of the first."""
    effects = surrogate.effects("epochs", "latent").set_index(["epochs", "latent"])["mean"]
    return [
        {"epochs": format_option(params, "epochs", epochs)}
        | {
            f"code of {format_option(params, 'latent', latent)}": f"{effects[epochs, latent]:z.2f}"
            for latent in range(surrogate.counts["latent"])
        }
        for epochs in range(surrogate.counts["epochs"])
    ]
