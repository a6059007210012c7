"""results/table.md and results/metrics.json, from results/runs.csv; and the table of one study."""

import json
from collections.abc import Sequence

import pandas as pd

from moaplus import plan as paths
from moaplus.environment import write_environment
from moaplus.files import save_text
from moaplus.frames import load_frame
from moaplus.models import read_header
from moaplus.plan import Plan, Run
from moaplus.report.paper import paper_sections
from moaplus.report.runs import read_runs, write_runs
from moaplus.report.studies import study_sections

INTRODUCTION = """\
Every cell is a mean over seeds with a 95 % bootstrap interval. NMI (arithmetic mean) compares the
gate's argmax with the labels, which training never sees; its ceiling is the most that so many
clusters can reach. Loss is the mean squared error per pixel, grey values in [0, 1], of the mixed
reconstruction Σ p x̂ (*mixed*) or of the expert with the largest concentration (*routed*): the
paper does not say which it means. Clusters are scored on the training images, as is the custom in
clustering, and on the test images of the same classes."""


def write_table(plan: Plan) -> None:
    """Write the table and the metrics of the default studies."""
    runs = read_runs()
    parts = ["# Does MoA+ do what the paper claims?", INTRODUCTION, *_missing(plan)]
    for name in plan.default:
        sections = paper_sections if name == "paper" else study_sections
        parts += sections(plan.studies[name], runs)
    parts += _what_was_run(list(plan.runs.values()), plan.default)
    save_text(paths.TABLE, "\n\n".join(parts) + "\n")
    save_text(paths.METRICS, json.dumps(metrics(runs), indent=2) + "\n")


def write_study(plan: Plan, name: str) -> None:
    """Write rows and table of one study, apart from the default ones, and what made them."""
    study = plan.study(name)
    write_runs(study.runs, study.runs_table)
    sections = study_sections(study, read_runs(study.runs_table))
    parts = [
        f"# {name}",
        INTRODUCTION,
        *_missing(plan),
        *sections,
        *_what_was_run(study.runs, [name]),
    ]
    save_text(study.table, "\n\n".join(parts) + "\n")
    write_environment(study.environment, study.runs, [study.table, study.runs_table])


def _missing(plan: Plan) -> list[str]:
    """Runs that are in no mean, since their training failed."""
    if not plan.failed:
        return []
    lines = [f"- `{folder}`: {reason}" for folder, reason in plan.failed.items()]
    head = f"**Failed, and in no mean below: {len(lines)}. Mind the column seeds.**"
    return [head, "\n".join(lines)]


def metrics(runs: pd.DataFrame) -> dict:
    """Means over seeds on the training images: selection -> network -> M -> method -> score."""
    scores = ["nmi", "acc", "ari", "mixture_error", "routed_error"]
    places = runs["folder"].str.split("/").str[1:4]  # models/selection/network/M…
    rows = runs.assign(place=places.str.join("/"))[runs["split"] == "train"]
    result: dict = {}
    for (place, method), row in rows.groupby(["place", "method"])[scores].mean().iterrows():
        selection, network, experts = place.split("/")
        cell = result.setdefault(selection, {}).setdefault(network, {}).setdefault(experts, {})
        cell[method] = {score: round(value, 6) for score, value in row.dropna().items()}
    return result


def _what_was_run(runs: Sequence[Run], studies: Sequence[str]) -> list[str]:
    networks = sorted({run.network for run in runs}, key=str)
    budget = sorted({run.training for run in runs}, key=str)
    made_on = sorted({read_header(run).made_on for run in runs})
    lines = [
        f"- {len(runs)} trainings ({', '.join(studies)}; shared runs train once),"
        " with the same budget for every objective.",
    ]
    lines += [
        f"- Experts and gate: `{network.architecture}`, channels {network.channels}, "
        f"latent {network.latent}."
        for network in networks
    ]
    lines += [
        f"- Budget: {training.epochs} epochs, batch {training.batch_size}, one-cycle Adam up to "
        f"{training.learning_rate:g}, ridge {training.ridge:g}, {training.precision}."
        for training in budget
    ]
    lines += [f"- Trained on {made_on_line}." for made_on_line in made_on]
    lines += [f"- Run time: {_run_time(runs)}"]
    return ["## What was run, on what, how long", "\n".join(lines)]


def _run_time(runs: Sequence[Run]) -> str:
    """Sum of Snakemake's benchmark records; they are not versioned, so some may be absent."""
    files = [run.benchmark for run in runs if run.benchmark.exists()]
    if not files:
        return "not recorded here."
    record = pd.concat([load_frame(file, "delete it", sep="\t") for file in files])
    return (
        f"{record['s'].sum():,.0f} s in {len(record)} training processes of one thread, "
        f"at most {record['max_rss'].max():,.0f} MB each."
    )
