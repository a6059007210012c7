"""`moaplus …`: a thin face over the package; each rule of the workflow is one such command.

What a command imports inside its function is what its result depends on (`provenance.sources`).
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
    Report,
    report_of,
)
from moaplus.plan.studies import Plan, load
from moaplus.storage.files import UserError, one_of


def main(arguments: list[str] | None = None) -> int:
    """Run one command; print a fault that the user can put right as one line."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
        sys.stdout.flush()
    except UserError as error:
        print(f"moaplus: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # of `moaplus runs | head`; Python flushes once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # 128 + SIGPIPE, as a shell has it
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moaplus", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--partial", action="store_true", help="leave out runs whose training failed; name them"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function: Callable, argument: str = "", **settings) -> argparse.ArgumentParser:
        name = function.__name__.strip("_")
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        sub.set_defaults(command=function)
        if argument:
            sub.add_argument(argument.lower(), metavar=argument, **settings)
        return sub

    results = {"type": Path, "nargs": "?", "default": RESULTS}
    command(_runs)
    command(_fetch, "DATASET")
    command(_select, "SELECTION")
    train = command(_train, "RUN", type=Path, nargs="+")
    record = command(_record, "PATH", nargs="+")
    for trains in (train, record):
        trains.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
        trains.add_argument("--threads", type=int, default=1)
    command(_show, "RUN", type=Path)
    command(_reference, "PATH")
    command(_score, "FOLDER", **results)
    command(_table, "FOLDER", **results)
    command(_figure, "NAME")
    command(_multiverse)
    command(_environment, "FOLDER", **results)
    command(_simulate)
    command(_probe, "NAME")
    command(_audit)
    command(_claims)
    command(_verdicts)
    cluster = command(_cluster, "IMAGES", type=Path)
    cluster.add_argument("--clusters", type=int, required=True, help="how many")
    cluster.add_argument("--model", type=Path, help="safetensors file to write, for `assign`")
    cluster.add_argument("--seed", type=int, default=0)
    cluster.add_argument("--device", default="cpu", help="as torch names it")
    assign = command(_assign, "MODEL", type=Path)
    assign.add_argument("images", metavar="IMAGES", type=Path)
    for own in (cluster, assign):
        own.add_argument("--output", type=Path, required=True, help="CSV file to write")
        own.add_argument("--sheet", type=Path, help="PNG file to write: a row for each cluster")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    if not options.partial:
        return load()
    from moaplus.provenance.failures import without_failed

    return without_failed(load())


def _report(options: argparse.Namespace) -> Report:
    return report_of(_plan(options), options.folder)


def _runs(options: argparse.Namespace) -> None:
    """List the folders of all runs that params.yaml describes."""
    print("\n".join(load().all_runs))


def _fetch(options: argparse.Namespace) -> None:
    """Fetch and verify a data set, such as mnist."""
    from moaplus.data.fetch import fetch

    one_of("data set", options.dataset, DATASETS)
    fetch(DATASETS[options.dataset], raw_files(options.dataset))


def _select(options: argparse.Namespace) -> None:
    """Write the images and labels of one selection, such as mnist-0+1."""
    from moaplus.data.select import select

    selections = load().selections
    selection = selections[one_of("selection", options.selection, selections)]
    select(selection, raw_files(selection.dataset))


def _train(options: argparse.Namespace) -> None:
    """Train runs, named by their folders, and apply each to its training and test images."""
    plan = load()
    runs = [plan.run(folder) for folder in options.run]
    from moaplus.runs.batch import train_all

    diverged = train_all(runs, options.device, options.threads, plan.checkpoint_every)
    if diverged:
        raise UserError("\nmoaplus: ".join(diverged))


def _record(options: argparse.Namespace) -> None:
    """Train the runs of records, named by their paths; keep their scores and no models."""
    plan = load()
    records = [plan.record(path) for path in options.path]
    from moaplus.report.recording import record_all
    from moaplus.runs.batch import train_all

    how = (options.device, options.threads, plan.checkpoint_every)
    record_all(records, lambda runs: train_all(runs, *how))


def _show(options: argparse.Namespace) -> None:
    """Print the scores of one trained run, named by its folder."""
    from moaplus.report.rows import run_rows

    for row in run_rows(load().run(options.run)):
        print("\n".join(f"{name:16} {value}" for name, value in row.items()), end="\n\n")


def _reference(options: argparse.Namespace) -> None:
    """Cluster a selection by a reference method, named by the file to write."""
    from moaplus.runs.clusterings import cluster_references

    plan = _plan(options)
    path = one_of("reference", options.path, plan.references)
    cluster_references(plan.references[path], plan.settings)


def _score(options: argparse.Namespace) -> None:
    """Write runs.csv of a folder of results: results, or results/studies/NAME."""
    from moaplus.report.html import write_rows
    from moaplus.report.scoring import write_runs

    report = _report(options)
    write_runs(report)
    write_rows(report.runs_table)


def _table(options: argparse.Namespace) -> None:
    """Write table.md of a folder of results from its runs.csv."""
    from moaplus.report.html import write_page
    from moaplus.report.table import write_table

    plan = _plan(options)
    report = report_of(plan, options.folder)
    write_table(report, plan)
    write_page(report.table)


def _figure(options: argparse.Namespace) -> None:
    """Write one figure of results/figures, or that of a study, as PNG and SVG."""
    from moaplus.report.drawing import write_figure, write_study_figure

    plan = _plan(options)
    pictured = {name: plan.studies[name] for name in PICTURED if name in plan.studies}
    name = one_of("figure", options.name, [*REPORT_FIGURES, *pictured])
    if name in pictured:
        write_study_figure(pictured[name])
    else:
        write_figure("report", name, plan)


def _multiverse(options: argparse.Namespace) -> None:
    """Write results/multiverse.md and its figures."""
    from moaplus.report.html import write_page
    from moaplus.report.multiverse.multiverse_page import write_multiverse

    plan = load()
    write_multiverse(plan, report_of(plan, MULTIVERSE))
    write_page(MULTIVERSE_PAGE)


def _environment(options: argparse.Namespace) -> None:
    """Write environment.json of a folder of results: what made them."""
    from moaplus.provenance.environment import write_environment

    write_environment(_report(options))


def _simulate(options: argparse.Namespace) -> None:
    """Write results/simulation.csv: the estimators on data with known components."""
    from moaplus.audit.simulation import simulate

    simulate()


def _probe(options: argparse.Namespace) -> None:
    """Write one measurement of the audit to results/probes."""
    from moaplus.audit.measure import write_probe

    write_probe(one_of("probe", options.name, names("audit/probes")), _plan(options))


def _audit(options: argparse.Namespace) -> None:
    """Write results/audit.md and its figures."""
    from moaplus.audit.page import write_audit
    from moaplus.report.html import write_page

    write_audit(_plan(options))
    write_page(AUDIT)


def _claims(options: argparse.Namespace) -> None:
    """Write results/claims.md and claims.csv, every claim of the paper, and results/metrics."""
    from moaplus.report.glance import write_opening
    from moaplus.report.html import write_page
    from moaplus.report.ledger import write_claims
    from moaplus.report.metrics import write_metrics

    plan = _plan(options)
    write_claims(plan)
    write_metrics(plan)
    write_page(CLAIMS_PAGE)
    write_opening(plan)


def _verdicts(options: argparse.Namespace) -> None:
    """Print the verdicts on the paper's claims in a few lines."""
    from moaplus.report.glance import verdicts

    print(verdicts(_plan(options)))


def _cluster(options: argparse.Namespace) -> None:
    """Cluster your own images: a folder of PNG or JPEG files, an npy or npz array, an idx file."""
    from moaplus.own_images import cluster_images

    cluster_images(options)


def _assign(options: argparse.Namespace) -> None:
    """Put new images into the clusters of a model that `moaplus cluster --model` wrote."""
    from moaplus.own_images import assign_images

    assign_images(options)


if __name__ == "__main__":
    sys.exit(main())
