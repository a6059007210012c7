"""The bounds, the gradient of |s| and mini-batches, where training uses them."""

import pandas as pd

from moaplus.audit.section import NOT_RUN, Section, figure, read_probe, train_rows
from moaplus.plan.results import GRADIENT_TIMES
from moaplus.plan.studies import Plan
from moaplus.report.cells import (
    ROWS,
    cells,
    code,
    estimate_text,
    images_in_short,
    markdown,
    paired_difference,
    query_of,
)
from moaplus.report.claims import FAILS, HOLDS, OPEN, direction
from moaplus.report.labels import label_of
from moaplus.report.titles import METHODS
from moaplus.runs.folder import load_history as read_history
from moaplus.storage.frames import load_frame


def bound_along_training(plan: Plan) -> list[Section]:
    """The bound where it is used: every step of every MoA+ run."""
    rows = [_training_row(label, runs) for label, runs in moa_plus_groups(plan).items()]
    ours = [row for row in rows if row["objective"] == METHODS["moa_plus"]]
    steps, broken = (sum(row[key] for row in ours) for key in ("steps", "bound broken"))
    frobenius = sum(row["Frobenius bound broken"] for row in rows)
    outcome = (
        f"Minimising the paper's bound, {broken:,} of {steps:,} steps break it. The Frobenius "
        f"bound is broken in {frobenius:,} steps of any objective."
    )
    verdict = HOLDS if broken == 0 else f"broken in {broken / steps:.2%} of the steps"
    return [
        Section(
            claim="The bound is valid where it is used, along training",
            tested="Γ and E of every mini-batch of every MoA+ run: s, both bounds and the "
            "condition number of Γ. |s|/bound is a mean over an epoch's steps: near 1 the bound "
            "is sharp. Condition numbers are medians over steps, of the first and the last epoch.",
            outcome=outcome if ours else NOT_RUN,
            verdict=verdict if ours else OPEN,
            files="`history.csv` of each run",
            body=[
                markdown([row | {"steps": f"{row['steps']:,}"} for row in rows]),
                figure("bounds_in_training", "|s| over the paper's bound along training"),
            ]
            if rows
            else [],
        )
    ]


def moa_plus_groups(plan: Plan) -> dict[tuple, list]:
    """Default runs of the MoA+ objectives, by all but their seed."""
    groups: dict[tuple, list] = {}
    for run in plan.default_runs.values():
        if run.objective.startswith("moa_plus"):
            images = label_of(images_in_short(run.selection), *plan.how(run))
            key = (images, run.experts, run.objective)
            groups.setdefault(key, []).append(run)
    return groups


def _training_row(label: tuple, runs: list) -> dict:
    images, M, objective = label
    histories = [read_history(run) for run in runs]
    every = pd.concat(histories)
    first, last = (pd.DataFrame([h.iloc[i] for h in histories]).mean() for i in (0, -1))
    steps = every["steps"].sum()
    return {
        "images": images,
        "M": M,
        "objective": METHODS[objective],
        "runs": len(runs),
        "steps": steps,
        "s < 0": f"{every['negative'].sum() / steps:.2%}",
        "bound broken": every["paper_violations"].sum(),
        "Frobenius bound broken": every["frobenius_violations"].sum(),
        "|s|/bound, first": f"{first['paper_ratio']:.3f}",
        "last epoch": f"{last['paper_ratio']:.3f}",
        "|s|/Frobenius, last": f"{last['frobenius_ratio']:.3f}",
        "guard acts": f"{every['guarded'].sum() / steps:.2%}",
        "cond Γ, first": f"{first['condition']:.3g}",
        "cond Γ, last": f"{last['condition']:.3g}",
    }


def differentiability(plan: Plan) -> list[Section]:
    """Autograd's gradient of |s|, and what minimising |s| does."""
    rows = read_probe("gradients")
    worst = rows["relative_error"].max()
    sections = [
        Section(
            claim='"The initial loss is difficult to differentiate" (same slide)',
            tested="Gradient of |s| with respect to logits and errors of 64 random images in "
            "float64, by autograd and by central differences; small (0.1) and large (2) logits.",
            outcome=f"The two gradients agree to {worst:.0e} (relative). {_gradient_times()}",
            verdict=FAILS if worst < 1e-5 else HOLDS,
            files="[gradients.csv](probes/gradients.csv)",
            body=[
                markdown(
                    [
                        {
                            "M": f"{row['experts']:.0f}",
                            "logits' scale": row["logits_scale"],
                            "evaluations for differences": f"{row['evaluations']:,.0f}",
                            "relative error": f"{row['relative_error']:.1e}",
                        }
                        for _, row in rows.iterrows()
                    ]
                )
            ],
        )
    ]
    return sections + _minimising_s(plan)


def _gradient_times() -> str:
    """Not versioned, as it differs from run to run."""
    if not GRADIENT_TIMES.exists():
        return "Run time: not recorded here."
    times = load_frame(GRADIENT_TIMES, "delete it")
    ratio = times["differences_s"] / times["autograd_s"]
    return (
        f"Run time: autograd takes {1000 * times['autograd_s'].median():.1f} ms, differences "
        f"{ratio.median():,.0f} times as long (medians)."
    )


def _minimising_s(plan: Plan) -> list[Section]:
    runs = train_rows(plan)
    table, verdicts = [], []
    for (selection, M), part in runs.groupby(["images", "experts"], sort=False):
        methods = dict(list(part.groupby("method")))
        if "moa_plus_exact" not in methods:
            continue
        for method in ("moa_plus_exact", "moa_plus", "moa_plus_frobenius"):
            if method in methods:
                quantities = ("nmi", "mixture_error", "routed_error", "load_entropy", "objective")
                table.append(
                    {"images": selection, "M": M, "objective": METHODS[method]}
                    | cells(methods[method], quantities)
                    | {ROWS: code(query_of(methods[method]))}
                )
        difference = paired_difference(
            methods["moa_plus_exact"], methods["moa_plus"], "mixture_error"
        )
        verdicts.append(
            f"{selection}, M = {M}: {estimate_text(difference, 'mixture_error')} "
            f"({direction(difference)})"
        )
    degenerate = any("(higher" in verdict for verdict in verdicts)
    return [
        Section(
            claim="Minimising |s| itself would be the better loss (implied by bounding it)",
            tested="Objective `moa_plus_exact` at equal budget. |s| may reach 0 with bad "
            "reconstructions, since weights may be negative.",
            outcome="Mixed loss minus that of the paper's bound, seed by seed: "
            + "; ".join(verdicts)
            + "."
            if verdicts
            else NOT_RUN,
            verdict=(FAILS + ": |s| is degenerate, which is the real reason to bound it")
            if degenerate
            else OPEN,
            files="[runs.csv](runs.csv)",
            body=[
                markdown(table),
                figure("moa_plus_objectives", "Reconstructions by each MoA+ objective"),
            ]
            if table
            else [],
        )
    ]


def gram_of_batches(plan: Plan) -> list[Section]:
    """Γ of a mini-batch, and what the batch size does to the outcome."""
    probe = read_probe("mini_batches")
    table = [
        {
            "images": images_in_short(plan.selections[row["selection"]]),
            "M": row["experts"],
            "batch": f"{row['batch_size']:,}",
            "‖Γ_batch − Γ‖/‖Γ‖": f"{row['deviation']:.3f}",
            "cond Γ_batch": f"{row['condition']:.3g}",
            "cond Γ": f"{row['condition_all']:.3g}",
            "bound of batch / of all, median": f"{row['bound_ratio']:.4g}",
            "batches": f"{row['batches']:,}",
        }
        for _, row in probe.iterrows()
    ]
    outcomes = _outcomes_by_batch_size(plan)
    few = probe.groupby("batch_size")["deviation"].mean()
    return [
        Section(
            claim="Γ of a mini-batch stands for Γ of the data (implied by training in batches)",
            tested="One MoA+ run for each selection and M, after training: Γ/n and the paper's "
            "bound of shuffled batches against those of all its training images. And training "
            "with other batch sizes for as many epochs, so with fewer steps.",
            outcome=f"The mean deviation ‖Γ_batch − Γ‖/‖Γ‖ falls from {few.iloc[0]:.2f} at "
            f"{few.index[0]} to {few.iloc[-1]:.3f} at {few.index[-1]:,} images. The bound of a "
            f"batch is in the median {probe['bound_ratio'].min():.2f} to "
            f"{probe['bound_ratio'].max():.3g} times that of all images: an objective whose bias "
            "depends on the batch size, most with many experts."
            if len(probe)
            else NOT_RUN,
            verdict="; ".join(
                f"off by {few[size]:.1%} at {size:,} images" for size in few.index[1:]
            )
            if len(probe)
            else OPEN,
            files="[mini_batches.csv](probes/mini_batches.csv), [runs.csv](runs.csv)",
            body=[
                markdown(table),
                markdown(outcomes),
                figure("batch_gram", "Γ and outcome by batch size"),
            ]
            if len(probe)
            else [],
        )
    ]


def _outcomes_by_batch_size(plan: Plan) -> list[dict]:
    runs = train_rows(plan)
    runs = runs[runs["folder"].isin(plan.default_runs)]
    sizes = runs["folder"].map(lambda folder: plan.default_runs[folder].training.batch_size)
    runs = runs.assign(batch_size=sizes)
    runs = runs[(runs["experts"] == 2) & (runs["method"] == "moa_plus")]
    keys = ["images", "batch_size"]
    return [
        {"images": images, "batch": size, "method": METHODS["moa_plus"]}
        | cells(rows, ("nmi", "mixture_error", "load_entropy"))
        | {ROWS: code(query_of(rows))}
        for (images, size), rows in runs.groupby(keys)
    ]
