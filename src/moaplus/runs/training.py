"""One run: from its description to the files that training and evaluation write."""

import functools
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch
from tqdm import tqdm

from moaplus.data.images import load_images
from moaplus.mixture.fit import Objective, State, fit, start
from moaplus.mixture.history import NotFiniteError, history_text
from moaplus.plan.runs import Run, Training
from moaplus.runs import folder
from moaplus.runs.model import DIVERGED_REMEDY, DivergedError, build, made_by, prepare_device
from moaplus.storage.files import UserError

START_SETTINGS = set(start.__kwdefaults__)  # of a training, that `start` takes
OPTIMIZER_STATE = ("weights", "means", "squares", "count")


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
    if header := folder.find_training(run):
        if header.failed:
            raise DivergedError(header.failed)
        print(f"{run.model}: already trained", file=sys.stderr)
        return
    target = prepare_device(device, threads)
    images = load_images(run.selection)["train"]
    if run.experts > len(images):
        raise UserError(f"{run.folder}: {run.experts} experts for {len(images)} images")
    torch.manual_seed(run.seed)
    settings = {key: getattr(run.training, key) for key in START_SETTINGS}
    state = start(build(run).to(target), run.seed, **settings)
    try:
        _fit(run, state, images, target, checkpoint_every)
        weights = _weights(state)
    except NotFiniteError as error:
        reason = f"{run.folder}: {error}; {DIVERGED_REMEDY}"
        history = history_text(state.rows) if state.rows else ""
        folder.save_failure(run, reason, history, made_by(target))
        raise DivergedError(reason) from error
    folder.save_training(run, weights, history_text(state.rows), made_by(target))


def objective_of(run: Run) -> Objective:
    """Return the run's training loss, its constants filled in."""
    return functools.partial(chosen("objectives", run.objective), **run.constants)


def fit_kwargs(training: Training) -> dict:
    """Return the arguments of `fit` that say how to train: the schedule by its function."""
    settings = asdict(training) | {"schedule": chosen("schedules", training.schedule)}
    return {key: value for key, value in settings.items() if key not in START_SETTINGS}


def chosen(package: str, name: str) -> Callable:
    """Return the function of a file of `mixture`, which has the file's name."""
    return getattr(importlib.import_module(f"moaplus.mixture.{package}.{name}"), name)


def _fit(
    run: Run,
    state: State,
    images: np.ndarray,
    device: torch.device,
    checkpoint_every: int | None,
) -> None:
    made = made_by(device) | {"images": folder.digest_of_images(images)}
    if checkpoint := folder.load_checkpoint(run, made):
        _restore(state, *checkpoint)
    epochs = run.training.epochs
    progress = tqdm(total=epochs, initial=len(state.rows), desc=str(run.folder), disable=None)

    def after_epoch(state: State) -> None:
        if checkpoint_every and len(state.rows) % checkpoint_every == 0:
            folder.save_checkpoint(run, *_snapshot(state), made)
        progress.write(json.dumps(_progress(state.rows[-1], epochs)), file=sys.stderr)
        progress.update()

    inputs = torch.from_numpy(images).to(device)
    fit(state, inputs, objective_of(run), **fit_kwargs(run.training), after_epoch=after_epoch)
    progress.close()


def _progress(row: dict, epochs: int) -> dict:
    """Return what the log says of an epoch, for people and for Snakemake's logger."""
    shown = ("epoch", "objective", "mixture_error", "routed_error")
    return {key: row[key] for key in shown} | {"epochs": epochs}


def _snapshot(state: State) -> tuple[dict[str, np.ndarray], str]:
    """Return the state of a training as arrays, torch's random state included, and as JSON."""
    optimizer = state.optimizer
    tensors = {name: getattr(optimizer, name) for name in OPTIMIZER_STATE}
    tensors |= {"order": state.order.get_state(), "random": torch.get_rng_state()}
    if optimizer.weights.is_cuda:
        tensors["random_cuda"] = torch.cuda.get_rng_state()
    arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    return arrays, json.dumps({"rows": state.rows, "updates": optimizer.updates})


def _restore(state: State, arrays: dict[str, np.ndarray], progress: str) -> None:
    """Bring back what `_snapshot` returned."""
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        for name in OPTIMIZER_STATE:
            getattr(state.optimizer, name).copy_(tensors[name])
    state.order.set_state(tensors["order"])
    torch.set_rng_state(tensors["random"])
    if "random_cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random_cuda"])
    facts = json.loads(progress)
    state.optimizer.updates, state.rows = facts["updates"], facts["rows"]


def _weights(state: State) -> dict[str, np.ndarray]:
    weights = {k: v.cpu().numpy() for k, v in state.network.mixture.state_dict().items()}
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise NotFiniteError(f"{name} is not finite after the last step")
    return weights
