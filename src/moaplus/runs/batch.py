"""Several runs in one process, one after the other."""

import sys
from collections.abc import Iterable

from moaplus.plan.runs import Run
from moaplus.runs.evaluation import evaluate
from moaplus.runs.training import DivergedError, train


def train_all(runs: Iterable[Run], device: str, threads: int, checkpoint_every: int) -> list[str]:
    """Train each run and apply it to its images; one that diverges does not stop the others.

    Checkpoints stay until all is done: where the models of a batch are thrown away since one of it
    failed, as Snakemake does, the others are there again in no time.

    Args:
        runs: what to train.
        device, threads, checkpoint_every: as in `training.train`.

    Returns:
        A line on each training that diverged.

    Raises:
        UserError: as `training.train` and `evaluation.evaluate` do.
    """
    runs, diverged = list(runs), []
    for run in runs:
        print(run.folder, file=sys.stderr)
        try:
            train(run, device, threads, checkpoint_every)
            evaluate(run, device, threads)
        except DivergedError as error:
            diverged.append(str(error))
    if not diverged:
        for run in runs:
            run.checkpoint.unlink(missing_ok=True)
    return diverged
