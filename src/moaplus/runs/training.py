"""One run: from its description to the files that training and evaluation write."""

import dataclasses
import functools
import hashlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable

import numpy as np
import torch
from tqdm import tqdm

from moaplus.data.images import load_images
from moaplus.mixture.fit import Objective, State, fit, start
from moaplus.mixture.history import NotFiniteError, history_text
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.plan.runs import Run, Training
from moaplus.runs.folder import TrainingFiles
from moaplus.runs.model import DIVERGED_REMEDY, DivergedError, made_by, prepare_device
from moaplus.storage.files import UserError

PROGRESS = ("epoch", "objective", "mixture_error", "routed_error")  # what the log says of an epoch
# The settings of a training that each of the two takes.
START_SETTINGS = set(start.__kwdefaults__)
FIT_SETTINGS = set(inspect.signature(fit).parameters) & set(Training.model_fields)


def train(
    run: Run, device: str = "cpu", threads: int = 1, checkpoint_every: int | None = None
) -> None:
    """Train `run` and write its model and history. Labels are never read.

    A model that is there, whole and of the run's settings and sources, is left as it is. A training
    that was interrupted goes on from its checkpoint, to the same bytes. The last checkpoint stays.

    Args:
        run: what to train.
        device: `cpu` or `gpu`.
        threads: CPU threads of this process.
        checkpoint_every: epochs from one checkpoint to the next; none without it.

    Raises:
        DivergedError: if something is not finite, now or when the run was trained before; the
            run's files say so.
        UserError: if there is no such device, data are missing, or a file cannot be written.
    """
    files = TrainingFiles(run)
    if header := files.find_model():
        if header.failed:
            raise DivergedError(header.failed)
        print(json.dumps({"already trained": str(run.model)}), file=sys.stderr)
        return
    target = prepare_device(device, threads)
    images = load_images(run.selection)["train"]
    if run.experts > len(images):
        raise UserError(f"{run.folder}: {run.experts} experts for {len(images)} images")
    torch.manual_seed(run.seed)
    mixture = MixtureOfAutoencoders(run.experts, **dict(run.network)).to(target)
    state = start(mixture, run.seed, **start_kwargs(run.training))
    weights, failed = {}, None
    try:
        _fit(files, state, images, target, checkpoint_every)
        weights = state.weights()
    except NotFiniteError as error:
        failed = f"{run.folder}: {error}; {DIVERGED_REMEDY}"
    history = history_text(state.rows)
    files.save_model(weights, history, made_by(target, state.network.compiler), failed)
    if failed:
        raise DivergedError(failed)


def objective_of(run: Run) -> Objective:
    """Return the run's training loss, its constants filled in and its routing as it is set."""
    objective = functools.partial(chosen("objectives", run.objective), **run.constants)
    if run.training.routing == "soft":
        return objective
    return lambda outcome: objective(dataclasses.replace(outcome, top_1=True))


def start_kwargs(training: Training) -> dict:
    """Return the arguments of `start` that say how to train: the optimizer by its function."""
    settings = dict(training) | {"optimizer": chosen("optimizers", training.optimizer)}
    return {key: settings[key] for key in START_SETTINGS}


def fit_kwargs(training: Training) -> dict:
    """Return the arguments of `fit` that say how to train: the schedule by its function."""
    settings = dict(training) | {"schedule": chosen("schedules", training.schedule)}
    return {key: settings[key] for key in FIT_SETTINGS}


def chosen(package: str, name: str) -> Callable:
    """Return the function of a file of `mixture`, which has the file's name."""
    return getattr(importlib.import_module(f"moaplus.mixture.{package}.{name}"), name)


def _fit(
    files: TrainingFiles,
    state: State,
    images: np.ndarray,
    device: torch.device,
    checkpoint_every: int | None,
) -> None:
    run, training = files.run, fit_kwargs(files.run.training)
    made = made_by(device, state.network.compiler)
    made |= {"images": hashlib.sha256(images.tobytes()).hexdigest()}
    if checkpoint := files.load_checkpoint(made):
        state.restore(*checkpoint)
    epochs = run.training.epochs
    bar = tqdm(total=epochs, initial=len(state.rows), desc=str(run.folder), disable=None)

    def after_epoch(state: State) -> None:
        if checkpoint_every and len(state.rows) % checkpoint_every == 0:
            arrays, progress = state.snapshot()
            files.save_checkpoint(arrays, progress, made)
        shown = {key: state.rows[-1][key] for key in PROGRESS} | {"epochs": epochs}
        bar.write(json.dumps(shown), file=sys.stderr)
        bar.update()

    inputs = torch.from_numpy(images).to(device)
    fit(state, inputs, objective_of(run), **training, after_epoch=after_epoch)
    bar.close()
