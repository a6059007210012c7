"""`moaplus …`: a thin face over the package; each rule of the workflow is one such command."""

import argparse
import sys
from pathlib import Path

from moaplus import plan
from moaplus.files import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; print a fault that the user can mend as one line."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except UserError as error:
        print(f"moaplus: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moaplus", description=__doc__)
    parser.add_argument(
        "--partial", action="store_true", help="leave out runs whose training failed; name them"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function, *names: str) -> argparse.ArgumentParser:
        name = function.__name__.strip("_")
        sub = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        sub.set_defaults(command=function)
        for name in names:
            sub.add_argument(name.lower(), metavar=name)
        return sub

    command(_data, "DATASET")
    command(_select, "SELECTION")
    command(_runs)
    for function, count in ((_train, None), (_evaluate, "+")):
        sub = command(function)
        sub.add_argument("run", metavar="RUN", type=Path, nargs=count)
        sub.add_argument("--device", choices=("cpu", "auto"), default="cpu")
        sub.add_argument("--threads", type=int, default=1)
    command(_reference, "PATH")
    command(_score).add_argument("run", metavar="RUN", type=Path, nargs="*")
    command(_table)
    command(_figure, "NAME")
    command(_study, "NAME")
    command(_environment)
    command(_simulate)
    command(_probe, "NAME")
    command(_audit)
    return parser


def _plan(options: argparse.Namespace) -> plan.Plan:
    whole = plan.load()
    return whole.without_failed() if options.partial else whole


def _data(options: argparse.Namespace) -> None:
    """Fetch and verify a data set: mnist, fashion-mnist or kmnist."""
    from moaplus.fetch import fetch

    if options.dataset not in plan.DATASETS:
        raise UserError(f"{options.dataset}: no data set; allowed: {', '.join(plan.DATASETS)}")
    fetch(options.dataset)


def _select(options: argparse.Namespace) -> None:
    """Write the images and labels of one selection, such as mnist-0+1."""
    from moaplus.datasets import select

    selections = plan.load().selections
    if options.selection not in selections:
        raise UserError(f"{options.selection}: no selection; allowed: {', '.join(selections)}")
    select(selections[options.selection])


def _runs(options: argparse.Namespace) -> None:
    """List the folders of all runs that params.yaml describes."""
    print("\n".join(plan.load().known_runs))


def _train(options: argparse.Namespace) -> None:
    """Train one run, named by its folder."""
    the_plan = plan.load()
    run = the_plan.run(options.run)
    from moaplus.training import train

    train(run, options.device, options.threads, the_plan.checkpoint_every)


def _evaluate(options: argparse.Namespace) -> None:
    """Apply trained runs to their training and test images."""
    the_plan = plan.load()
    runs = [the_plan.run(folder) for folder in options.run]
    from moaplus.evaluation import evaluate

    for run in runs:
        evaluate(run, options.device, options.threads)


def _reference(options: argparse.Namespace) -> None:
    """Cluster a selection with scikit-learn, named by the file to write."""
    references = plan.load().references
    if options.path not in references:
        raise UserError(f"{options.path}: no reference; allowed: {', '.join(references)}")
    from moaplus.references import cluster_references

    cluster_references(references[options.path])


def _score(options: argparse.Namespace) -> None:
    """Score evaluated runs: print those named, or write results/runs.csv for the default run."""
    from moaplus.report.runs import run_rows, write_runs

    the_plan = _plan(options)
    if not options.run:
        write_runs(the_plan.runs.values(), plan.RUNS_TABLE)
    for folder in options.run:
        for row in run_rows(the_plan.run(folder)):
            print("\n".join(f"{name:16} {value}" for name, value in row.items()), end="\n\n")


def _table(options: argparse.Namespace) -> None:
    """Write results/table.md and results/metrics.json from results/runs.csv."""
    from moaplus.report.tables import write_table

    write_table(_plan(options))


def _study(options: argparse.Namespace) -> None:
    """Write the table of one study, from its trained and evaluated runs."""
    from moaplus.report.tables import write_study

    write_study(_plan(options), options.name)


def _environment(options: argparse.Namespace) -> None:
    """Write results/environment.json: what made the results of the default studies."""
    from moaplus.environment import write_environment

    write_environment(plan.ENVIRONMENT, list(_plan(options).runs.values()), plan.results())


def _simulate(options: argparse.Namespace) -> None:
    """Write results/simulation.csv: the estimators on data with known components."""
    from moaplus.simulation import simulate

    simulate(plan.SIMULATION)


def _probe(options: argparse.Namespace) -> None:
    """Write one measurement of the audit to results/probes."""
    from moaplus.probes import PROBES, probe

    if options.name not in PROBES:
        raise UserError(f"{options.name}: no probe; allowed: {', '.join(PROBES)}")
    probe(options.name, _plan(options))


def _audit(options: argparse.Namespace) -> None:
    """Write results/audit.md and its figures."""
    from moaplus.report.audit.page import write_audit

    write_audit(_plan(options))


def _figure(options: argparse.Namespace) -> None:
    """Write one figure of results/figures as PNG and SVG."""
    from moaplus.report.figures import FIGURES, write_figure

    if options.name not in FIGURES:
        raise UserError(f"{options.name}: no figure; allowed: {', '.join(FIGURES)}")
    write_figure(options.name, _plan(options))
