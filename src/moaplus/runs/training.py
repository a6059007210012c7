"""One run: from its description to `model.safetensors` and `history.csv`."""

import functools
import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from moaplus.data.images import load_images
from moaplus.mixture.fit import Objective, State, fit, start
from moaplus.mixture.history import NotFiniteError, history_text
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.plan.runs import Run, Training
from moaplus.provenance.machine import processor
from moaplus.provenance.origin import history_digest, is_trained, origin_of
from moaplus.runs.checkpoints import Checkpoint
from moaplus.runs.model import LESS, build, prepare_device
from moaplus.storage.files import UserError, save_text
from moaplus.storage.tensors import save_tensors

OF_START = set(start.__kwdefaults__)  # of a training's settings


class DivergedError(UserError):
    """A training left the finite numbers, for a reason that its run's `failed.json` holds."""


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
        DivergedError: if something is not finite.
        UserError: if there is no such device, data are missing, or a file cannot be written.
    """
    if is_trained(run):
        print(f"{run.model}: already trained", file=sys.stderr)
    else:
        _train(run, prepare_device(device, threads), checkpoint_every)
    run.failure.unlink(missing_ok=True)


def _train(run: Run, device: torch.device, checkpoint_every: int | None) -> None:
    images = torch.from_numpy(load_images(run.selection)["train"]).to(device)
    if run.experts > len(images):
        raise UserError(f"{run.folder}: {run.experts} experts for {len(images)} images")
    torch.manual_seed(run.seed)
    settings = {key: getattr(run.training, key) for key in OF_START}
    state = start(build(run).to(device), run.seed, **settings)
    try:
        _fit(run, state, images, checkpoint_every)
        weights = _weights(state.network.mixture)
    except NotFiniteError as error:
        reason = f"{run.folder}: {error}; {LESS}"
        save_text(run.failure, json.dumps(origin_of(run) | {"reason": reason}) + "\n")
        raise DivergedError(reason) from error
    history = history_text(state.rows)
    save_text(run.history, history)
    save_tensors(run.model, weights, _origin(run, device, history))


def objective_of(run: Run) -> Objective:
    """What the run minimises, its constants filled in."""
    return functools.partial(chosen("objectives", run.objective), **run.constants)


def budget(training: Training) -> dict:
    """The arguments of `fit` that say how to train: the schedule by its function."""
    settings = asdict(training) | {"schedule": chosen("schedules", training.schedule)}
    return {key: value for key, value in settings.items() if key not in OF_START}


def chosen(folder: str, name: str) -> Callable:
    """The function of a file of `mixture`, which has the file's name."""
    return getattr(importlib.import_module(f"moaplus.mixture.{folder}.{name}"), name)


def _fit(run: Run, state: State, images: Tensor, checkpoint_every: int | None) -> None:
    checkpoint = Checkpoint(run, images, state)
    checkpoint.load()
    epochs = run.training.epochs
    progress = tqdm(
        total=epochs,
        initial=len(state.rows),
        desc=str(run.folder),
        disable=not sys.stderr.isatty(),
    )

    def after_epoch(state: State) -> None:
        if checkpoint_every and len(state.rows) % checkpoint_every == 0:
            checkpoint.save()
        progress.write(_log_line(state.rows[-1], epochs), file=sys.stderr)
        progress.update()

    fit(state, images, objective_of(run), **budget(run.training), after_epoch=after_epoch)
    progress.close()


def _log_line(row: dict, epochs: int) -> str:
    return (
        f"epoch {row['epoch']}/{epochs}  objective {row['objective']:.5f}  "
        f"mixture error {row['mixture_error']:.5f}  routed error {row['routed_error']:.5f}"
    )


def _weights(mixture: MixtureOfAutoencoders) -> dict[str, np.ndarray]:
    weights = {name: value.cpu().numpy() for name, value in mixture.state_dict().items()}
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise NotFiniteError(f"{name} is not finite after the last step")
    return weights


def _origin(run: Run, device: torch.device, history: str) -> dict:
    """What made the model, its history included: a run with a model is complete."""
    cpu = f"{processor()}, {torch.backends.cpu.get_cpu_capability()}"
    return origin_of(run) | {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else cpu,
        "threads": torch.get_num_threads(),
        "history": history_digest(history.encode()),
    }
