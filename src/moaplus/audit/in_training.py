"""The bounds, the gradient of |s| and mini-batches, where training uses them."""

import pandas as pd

from moaplus.audit.section import MOA_PLUS, NOT_RUN, Section, figure, read_probe, train_rows
from moaplus.plan.results import GRADIENT_TIMES
from moaplus.plan.studies import Plan
from moaplus.report.cells import Cell, cells, markdown, paired_difference
from moaplus.report.claims import FAILS, HOLDS, NEITHER, OPEN, Verdict, direction
from moaplus.report.lines import CONFIGURATION
from moaplus.report.quantities import QUANTITIES
from moaplus.report.runs_table import load_curves, trained_runs
from moaplus.report.titles import METHODS, format_images, label_run
from moaplus.storage.frames import load_frame
from moaplus.theory.intervals import Estimate


def bound_along_training(plan: Plan) -> list[Section]:
    """Audit the bound where it is used: every step of every MoA+ run."""
    groups = moa_plus_groups(plan)
    rows = [_training_row(label, runs) for label, runs in groups.items()]
    ours = [
        row for (_, _, objective), row in zip(groups, rows, strict=True) if objective == "moa_plus"
    ]
    steps, broken = (sum(row[key] for row in ours) for key in ("steps", "bound broken"))
    frobenius = sum(row["Frobenius bound broken"] for row in rows)
    guarded = max(ours, key=lambda row: row["guard acts"], default=None)
    outcome = (
        f"Minimising the paper's bound, {broken:,} of {steps:,} steps break it. The Frobenius "
        f"bound is broken in {frobenius:,} steps of any objective. Loss and bound are those of Γ "
        "with its guard, which adds to the diagonal where the least eigenvalue is below the ridge"
        + (
            f": in {guarded['guard acts']:.1%} of the steps at M = {guarded['M']} on "
            f"{guarded['images']}. There nothing is said of the loss that the paper has."
            if guarded and guarded["guard acts"]
            else "."
        )
    )
    held, share = Verdict(HOLDS), f"broken in {broken / steps:.2%} of the steps" if steps else ""
    verdict = held if broken == 0 else Verdict(NEITHER, share)
    return [
        Section(
            key="bound_in_training",
            claim="The bound is valid where it is used, along training",
            tested="Γ and E of every mini-batch of every MoA+ run: s, both bounds and the "
            "condition number of Γ. |s|/bound is a mean over an epoch's steps: near 1 the bound "
            "is sharp. Condition numbers are medians over steps, of the first and the last epoch.",
            outcome=outcome if ours else NOT_RUN,
            verdict=verdict if ours else Verdict(OPEN),
            files="the record of each run",
            body=[
                markdown(
                    [
                        row
                        | {"steps": f"{row['steps']:,}", "guard acts": f"{row['guard acts']:.2%}"}
                        for row in rows
                    ]
                ),
                figure("bounds_in_training", "|s| over the paper's bound along training"),
            ]
            if rows
            else [],
        )
    ]


def moa_plus_groups(plan: Plan) -> dict[tuple, list]:
    """Group default runs of the MoA+ objectives by all but their seed."""
    groups: dict[tuple, list] = {}
    for run in trained_runs(plan):
        if run.objective in MOA_PLUS:
            key = (label_run(run, plan), run.experts, run.objective)
            groups.setdefault(key, []).append(run)
    return groups


def _training_row(label: tuple, runs: list) -> dict:
    images, M, objective = label
    histories = [load_curves(run) for run in runs]
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
        "guard acts": every["guarded"].sum() / steps,
        "cond Γ, first": f"{first['condition']:.3g}",
        "cond Γ, last": f"{last['condition']:.3g}",
    }


def differentiability(plan: Plan) -> list[Section]:
    """Audit autograd's gradient of |s|, and what minimising |s| does."""
    rows = read_probe("gradients")
    worst = rows["relative_error"].max()
    sections = [
        Section(
            key="differentiability",
            claim='"The initial loss is difficult to differentiate" (same slide)',
            tested="Gradient of |s| with respect to logits and errors of 64 random images in "
            "float64, by autograd and by central differences; small (0.1) and large (2) logits.",
            outcome=f"The two gradients agree to {worst:.0e} (relative). {_gradient_times()}",
            verdict=Verdict(FAILS if worst < 1e-5 else HOLDS),
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
    """Say how long both took; that differs from run to run, so it is not versioned."""
    if not GRADIENT_TIMES.exists():
        return "Run time: not recorded here."
    times = load_frame(GRADIENT_TIMES, "delete it")
    ratio = times["differences_s"] / times["autograd_s"]
    return (
        f"Run time: autograd takes {1000 * times['autograd_s'].median():.1f} ms, differences "
        f"{ratio.median():,.0f} times as long (medians)."
    )


def _minimising_s(plan: Plan) -> list[Section]:
    table, differences = _loss_itself(train_rows(plan))
    found = "; ".join(
        f"{images}, M = {M}: {Cell(difference, QUANTITIES['mixture_error'])} "
        f"({direction(difference)})"
        for (images, M), difference in differences.items()
    )
    degenerate = any(direction(difference) == "higher" for difference in differences.values())
    return [
        Section(
            key="loss_itself",
            claim="Minimising |s| itself would be the better loss (implied by bounding it)",
            tested="Objective `moa_plus_exact` at equal budget. |s| may reach 0 with bad "
            "reconstructions, since weights may be negative.",
            outcome=f"Mixed loss minus that of the paper's bound, seed by seed: {found}."
            if differences
            else NOT_RUN,
            verdict=Verdict(FAILS, "|s| is degenerate, which is the real reason to bound it")
            if degenerate
            else Verdict(OPEN),
            files="[runs.csv](runs.csv)",
            body=[
                markdown(table),
                figure("moa_plus_objectives", "Reconstructions by each MoA+ objective"),
            ]
            if table
            else [],
        )
    ]


def _loss_itself(runs: pd.DataFrame) -> tuple[list[dict], dict[tuple, Estimate]]:
    """Compare |s| with its bounds by images and M.

    Returns:
        A row for each objective; the mixed loss of |s| minus that of the paper's bound.
    """
    quantities = ("nmi", "mixture_error", "routed_error", "load_entropy", "objective")
    table, differences = [], {}
    for (images, M), part in runs.groupby(["images", "experts"], sort=False):
        methods = dict(list(part.groupby("method")))
        if not {"moa_plus_exact", "moa_plus"} <= set(methods):
            continue
        table += [
            {"images": images, "M": M, "objective": METHODS[method]}
            | cells(methods[method], quantities)
            | {CONFIGURATION: f"`{methods[method][CONFIGURATION].iloc[0]}`"}
            for method in MOA_PLUS
            if method in methods
        ]
        differences[images, M] = paired_difference(
            methods["moa_plus_exact"], methods["moa_plus"], "mixture_error"
        )
    return table, differences


def gram_of_batches(plan: Plan) -> list[Section]:
    """Audit Γ of a mini-batch, and what the batch size does to the outcome."""
    probe = read_probe("mini_batches")
    few = probe.groupby("batch_size")["deviation"].mean()
    return [
        Section(
            key="batch_gram",
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
            verdict=Verdict(
                NEITHER,
                "; ".join(f"off by {few[size]:.1%} at {size:,} images" for size in few.index[1:]),
            )
            if len(probe)
            else Verdict(OPEN),
            files="[mini_batches.csv](probes/mini_batches.csv), [runs.csv](runs.csv)",
            body=[
                markdown([_batch_row(row, plan) for _, row in probe.iterrows()]),
                markdown(_outcomes_by_batch_size(plan)),
                figure("batch_gram", "Γ and outcome by batch size"),
            ]
            if len(probe)
            else [],
        )
    ]


def _batch_row(row: pd.Series, plan: Plan) -> dict:
    return {
        "images": format_images(plan.selections[row["selection"]]),
        "M": row["experts"],
        "batch": f"{row['batch_size']:,}",
        "‖Γ_batch − Γ‖/‖Γ‖": f"{row['deviation']:.3f}",
        "cond Γ_batch": f"{row['condition']:.3g}",
        "cond Γ": f"{row['condition_all']:.3g}",
        "bound of batch / of all, median": f"{row['bound_ratio']:.4g}",
        "batches": f"{row['batches']:,}",
    }


def _outcomes_by_batch_size(plan: Plan) -> list[dict]:
    runs = train_rows(plan)
    runs = runs[(runs["experts"] == 2) & (runs["method"] == "moa_plus")]
    keys = ["images", "batch_size"]
    return [
        {"images": images, "batch": int(size), "method": METHODS["moa_plus"]}
        | cells(rows, ("nmi", "mixture_error", "load_entropy"))
        | {CONFIGURATION: f"`{rows[CONFIGURATION].iloc[0]}`"}
        for (images, size), rows in runs.groupby(keys)
    ]
