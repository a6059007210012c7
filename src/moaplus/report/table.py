"""table.md of a report, from its runs.csv."""

import importlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from moaplus.plan.results import PAGES, RESULTS, Report
from moaplus.plan.runs import Network, Study, Training
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.coverage import EXPLANATION
from moaplus.report.failed_trainings import failed_lines
from moaplus.report.pages import paper
from moaplus.report.paper_section import PAPER, asks_the_paper, paper_sections
from moaplus.report.runs_table import failed_runs, read_runs
from moaplus.report.study_section import study_sections
from moaplus.report.titles import OPTIMIZERS, format_setting
from moaplus.storage.files import save_text
from moaplus.storage.frames import load_frame

INTRODUCTION = """\
Every cell is a mean over seeds with a 95 % interval (beta bootstrap-t; none of fewer than five
seeds), then how many seeds. NMI (arithmetic mean) compares the gate's argmax with the labels, which
training never sees; its ceiling is the most that so many clusters can reach. Loss is the mean
squared error per pixel, grey values in [0, 1], of the mixed reconstruction Σ p x̂ (*mixed*) or of
the expert with the largest concentration (*routed*): the paper does not say which it means.
Clusters are scored on the training images, as is the custom in clustering, and on the test images.
*Probability of improvement* is the chance that a run of MoA+ is better than one of the other, with
a percentile bootstrap over the runs (Agarwal et al. 2021)."""


FAILED = """\
## Failed trainings

By the rule of docs/verdicts.md; the means above are of all trainings that ended in numbers, these
among them."""


def write_table(report: Report, plan: Plan) -> None:
    """Write the table of a report.

    Args:
        report: which.
        plan: what params.yaml asks for, with the longer studies that may stand beside the paper's.
    """
    runs = read_runs(report.runs_table)
    default = report.folder == RESULTS
    verdicts_first = default and PAPER in plan.default
    heading = "Does MoA+ do what the paper claims?" if default else report.folder.name
    parts = [f"# {heading}", *_failed(report)]
    if verdicts_first:
        parts += paper.verdicts(plan.studies[PAPER], runs, plan)
    parts += [INTRODUCTION, EXPLANATION]
    for study in report.studies:
        if verdicts_first and study.name == PAPER:
            parts += paper.evidence(study, runs)
        else:
            parts += _sections(study, runs, plan)
    if lines := failed_lines(runs):
        parts += [FAILED, markdown(lines)]
    parts += _what_was_run(report, runs)
    save_text(report.table, "\n\n".join(parts) + "\n")


def _sections(study: Study, runs: pd.DataFrame, plan: Plan) -> list[str]:
    """Write a study by its own page, as the paper's table, or as any other."""
    if study.name in PAGES:
        page = importlib.import_module(f"moaplus.report.pages.{study.name}")
        return page.sections(study, runs, plan)
    if asks_the_paper(study):
        return paper_sections(study, runs)
    return study_sections(study, runs, plan)


def _failed(report: Report) -> list[str]:
    """Name the runs that are in no mean, since their training failed."""
    failed = failed_runs(report.runs_table)
    if not failed:
        return []
    lines = [f"- `{folder}`: {reason}" for folder, reason in failed.items()]
    head = f"**Failed, and in no mean below: {len(lines)}. Mind the column seeds.**"
    return [head, "\n".join(lines)]


def _what_was_run(report: Report, table: pd.DataFrame) -> list[str]:
    """Write how many trainings there were, of what, on what, and how long they took."""
    runs = report.runs
    networks = sorted({run.network for run in runs}, key=str)
    budget = sorted({run.training for run in runs}, key=str)
    made_on = sorted(table["made_on"].dropna().unique())
    studies = ", ".join(study.name for study in report.studies)
    same = ", with the same budget for every objective" if len(budget) == 1 else ""
    lines = [f"- {len(runs)} trainings ({studies}; shared runs train once){same}."]
    lines += [f"- {_format_network(network)}." for network in networks]
    lines += [f"- {_format_budget(training)}." for training in budget]
    lines += [f"- Trained on {made_on_line}." for made_on_line in made_on]
    lines += _run_time(report.benchmarks)
    return ["## What was run, on what, how long", "\n".join(lines)]


def _format_network(network: Network) -> str:
    small = network.gate == "small"
    experts = "Experts and gate" if small else f"Gate `{network.gate}`; experts"
    return (
        f"{experts}: `{network.architecture}`, channels {network.channels}, latent {network.latent}"
    )


def _format_budget(training: Training) -> str:
    """Print how a training is: what has no default, then what differs from its default."""
    fields = Training.model_fields
    others = [
        format_setting(name, value)
        for name, value in training
        if not fields[name].is_required() and name != "optimizer" and value != fields[name].default
    ]
    budget = (
        f"Budget: {training.epochs} epochs, batch {training.batch_size}, "
        f"{OPTIMIZERS[training.optimizer]} up to {training.learning_rate:g} "
        f"(`{training.schedule}`), ridge {training.ridge:g}"
    )
    return ", ".join([budget, *others])


def _run_time(benchmarks: Iterable[Path]) -> list[str]:
    """Add up Snakemake's benchmark records; they are not versioned, so all may be absent."""
    files = [path for path in benchmarks if path.exists()]
    if not files:
        return []
    record = pd.concat([load_frame(file, "delete it", sep="\t") for file in files])
    seconds = record["s"].sum()
    return [
        f"- Run time: {seconds:,.0f} s ({seconds / 3600:.2f} core-hours) in {len(record)} training "
        f"processes of one thread, at most {record['max_rss'].max():,.0f} MB each."
    ]
