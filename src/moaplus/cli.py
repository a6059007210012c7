"""The pipeline's commands: each rule of the workflow is one of them; people have some of their own.

What a command imports inside its function is what its result depends on (`provenance.origin`).
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from moaplus.plan.choices import names
from moaplus.plan.datasets import DATASETS, raw_files
from moaplus.plan.results import (
    AUDIT,
    CLAIMS_PAGE,
    MULTIVERSE,
    MULTIVERSE_PAGE,
    PICTURED,
    REPORT_FIGURES,
    RESULTS,
    report_of,
)
from moaplus.plan.runs import PARAMS
from moaplus.plan.search import SEARCH_PAGE
from moaplus.plan.studies import load
from moaplus.storage.files import UserError, one_of


def add_commands(commands) -> None:
    """Add the pipeline's commands to those of a parser, as `add_subparsers` returned them."""

    def command(function: Callable, argument: str = "", **settings) -> argparse.ArgumentParser:
        name = function.__name__.strip("_")
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        sub.set_defaults(command=function)
        if argument:
            sub.add_argument(argument.lower(), metavar=argument, **settings)
        return sub

    def planned(function: Callable, argument: str = "", **settings) -> argparse.ArgumentParser:
        sub = command(function, argument, **settings)
        default = os.environ.get("MOAPLUS_PARAMS", PARAMS)  # set by the workflow for its jobs
        sub.add_argument("--params", type=Path, default=default, help="instead of params.yaml")
        return sub

    results = {"type": Path, "nargs": "?", "default": RESULTS}
    planned(_runs)
    command(_fetch, "DATASET")
    planned(_select, "SELECTION")
    train = planned(_train, "RUN", type=Path)
    train.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    train.add_argument("--threads", type=int, default=1)
    planned(_score, "RECORD", type=Path)
    planned(_show, "RUN", type=Path)
    reference = planned(_reference, "PATH")
    for trains in (train, reference):
        trains.add_argument(
            "--allow-failure",
            action="store_true",
            default=bool(os.environ.get("MOAPLUS_ALLOW_FAILURE")),
            help="a training that diverges is a result too",
        )
    planned(_runs_table, "FOLDER", **results)
    planned(_table, "FOLDER", **results)
    planned(_figure, "NAME")
    planned(_multiverse)
    search = planned(_search)
    search.add_argument("--threads", type=int, default=1, help="trainings at a time")
    planned(_environment, "FOLDER", **results)
    command(_simulate)
    planned(_probe, "NAME")
    planned(_audit)
    planned(_claims)
    planned(_verdicts)
    planned(_archive, "FILE", type=Path)


def _runs(params: Path) -> None:
    """List the folders of all runs that params.yaml describes."""
    print("\n".join(load(params).all_runs))


def _fetch(dataset: str) -> None:
    """Fetch and verify a data set, such as mnist."""
    from moaplus.data.fetch import fetch

    one_of("data set", dataset, DATASETS)
    fetch(DATASETS[dataset], raw_files(dataset))


def _select(selection: str, params: Path) -> None:
    """Write the images and labels of one selection, such as mnist-0+1."""
    from moaplus.data.select import select

    selections = load(params).selections
    chosen = selections[one_of("selection", selection, selections)]
    select(chosen, raw_files(chosen.dataset))


def _train(run: Path, params: Path, device: str, threads: int, allow_failure: bool) -> None:
    """Train a run, named by its folder, and apply it to its training and test images."""
    plan = load(params)
    described = plan.run(run)
    from moaplus.runs.evaluation import evaluate
    from moaplus.runs.training import DivergedError, train

    try:
        train(described, device, threads, plan.checkpoint_every)
        evaluate(described, device, threads)
    except DivergedError as error:
        if described.keep and not allow_failure:
            raise
        print(error, file=sys.stderr)
    described.checkpoint.unlink(missing_ok=True)


def _score(record: Path, params: Path) -> None:
    """Score a trained run against the labels, and write its record."""
    from moaplus.runs.scoring import score

    score(load(params).recorded_run(record))


def _show(run: Path, params: Path) -> None:
    """Print the scores of one trained run, named by its folder."""
    from moaplus.runs.scoring import run_rows

    for row in run_rows(load(params).run(run)):
        print("\n".join(f"{name:16} {value}" for name, value in row.items()), end="\n\n")


def _reference(path: str, params: Path, allow_failure: bool) -> None:
    """Cluster a selection by a reference method, named by the file to write."""
    from moaplus.runs.clusterings import cluster_references

    plan = load(params)
    one_of("reference", path, plan.references)
    cluster_references(plan.references[path], plan.settings, allow_failure)


def _runs_table(folder: Path, params: Path) -> None:
    """Write runs.csv of a folder of results: results, or results/studies/NAME."""
    from moaplus.report.html import write_rows
    from moaplus.report.runs_table import write_runs

    report = report_of(load(params), folder)
    write_runs(report)
    write_rows(report.runs_table)


def _table(folder: Path, params: Path) -> None:
    """Write table.md of a folder of results from its runs.csv."""
    from moaplus.report.html import write_page
    from moaplus.report.table import write_table

    plan = load(params)
    report = report_of(plan, folder)
    write_table(report, plan)
    write_page(report.table)


def _figure(name: str, params: Path) -> None:
    """Write one figure of results/figures, or that of a study, as PNG and SVG."""
    from moaplus.report.drawing import write_figure, write_study_figure

    plan = load(params)
    pictured = {study: plan.studies[study] for study in PICTURED if study in plan.studies}
    one_of("figure", name, [*REPORT_FIGURES, *pictured])
    if name in pictured:
        write_study_figure(pictured[name])
    else:
        write_figure("report", name, plan)


def _multiverse(params: Path) -> None:
    """Write results/multiverse.md and its figures."""
    from moaplus.report.html import write_page
    from moaplus.report.multiverse.multiverse_page import write_multiverse

    plan = load(params)
    write_multiverse(plan, report_of(plan, MULTIVERSE))
    write_page(MULTIVERSE_PAGE)


def _search(params: Path, threads: int) -> None:
    """Search for a protocol with the paper's table, or go on with it; write results/search.md."""
    from moaplus.report.html import write_page
    from moaplus.search.page import write_search
    from moaplus.search.search import search

    wanted = load(params).params
    if wanted.search is None:
        raise UserError(f"{params}: has no search; add the block, as docs/search.md describes it")
    search(wanted, threads)
    write_search(wanted)
    write_page(SEARCH_PAGE)


def _environment(folder: Path, params: Path) -> None:
    """Write environment.json of a folder of results: what made them."""
    from moaplus.provenance.environment import write_environment

    write_environment(report_of(load(params), folder))


def _simulate() -> None:
    """Write results/simulation.csv: the estimators on data with known components."""
    from moaplus.audit.simulation import simulate

    simulate()


def _probe(name: str, params: Path) -> None:
    """Write one measurement of the audit to results/probes."""
    from moaplus.audit.measure import write_probe

    write_probe(one_of("probe", name, names("audit/probes")), load(params))


def _audit(params: Path) -> None:
    """Write results/audit.md and its figures."""
    from moaplus.audit.page import write_audit
    from moaplus.report.html import write_page

    write_audit(load(params))
    write_page(AUDIT)


def _claims(params: Path) -> None:
    """Write results/claims.md and claims.csv, every claim of the paper, and results/metrics."""
    from moaplus.report.glance import write_opening
    from moaplus.report.html import write_page
    from moaplus.report.ledger import write_claims
    from moaplus.report.metrics import write_metrics

    plan = load(params)
    write_claims(plan)
    write_metrics(plan)
    write_page(CLAIMS_PAGE)
    write_opening(plan)


def _verdicts(params: Path) -> None:
    """Print the verdicts on the paper's claims in a few lines."""
    from moaplus.report.glance import verdicts

    print(verdicts(load(params)))


def _archive(file: Path, params: Path) -> None:
    """Write sources, results and models as one zip with metadata, for Zenodo and the like."""
    from moaplus.provenance.archive import write_archive

    write_archive(report_of(load(params), RESULTS), file)


if __name__ == "__main__":
    from moaplus.__main__ import main

    sys.exit(main())
