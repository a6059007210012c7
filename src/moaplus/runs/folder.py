"""A run's folder: model, history, checkpoint and evaluation; saved, loaded, whole or not.

Arrays in, arrays out: torch is not needed to read what a run left.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moaplus.plan.runs import SPLITS, Run
from moaplus.provenance.origin import foreign, history_digest, origin_of
from moaplus.storage.arrays import load_arrays, save_arrays
from moaplus.storage.files import UserError, quarantine, save_text
from moaplus.storage.tensors import load_tensors, read_origin, save_tensors

if TYPE_CHECKING:
    import pandas as pd

EVALUATION = ("concentrations", "errors", "mixture_errors")  # of each split
SAMPLES = ("shown", "originals", "reconstructions", "concentrations")
NO_EPOCH = "epoch\n"  # the history of a training that diverged in its first


@dataclass(frozen=True)
class Header:
    """What a model's file says of itself.

    Attributes:
        parameters: number of weights of experts and gate.
        made_on: device, torch and threads.
        failed: why the training diverged, if it did.
    """

    parameters: int
    made_on: str
    failed: str | None


def find_training(run: Run) -> Header | None:
    """Return the header of a run's model if the run need not be trained.

    That is if model and history are there, whole, and of the run's present settings and sources.
    """
    try:
        tensors, origin = load_tensors(run.model)
        history = history_digest(run.history.read_bytes())
    except (OSError, ValueError):
        return None
    if foreign(run, origin) or history != origin.get("history"):
        return None
    return _header(origin, sum(values.size for values in tensors.values()))


def read_header(run: Run) -> Header:
    """Read the header of a run's model.

    Raises:
        UserError: if the model is missing; damaged, then it is quarantined; or made by other
            settings or sources.
    """
    try:
        origin, parameters = read_origin(run.model)
        header = _header(origin, parameters)
    except FileNotFoundError as error:
        raise UserError(f"{run.model}: missing; run snakemake to make it") from error
    except (OSError, ValueError, KeyError) as error:
        raise quarantine(run.model, error) from error
    _check_origin(run, origin)
    return header


def load_weights(run: Run) -> dict[str, np.ndarray]:
    """Load the weights of a run's model by name.

    Raises:
        UserError: if the model is missing; damaged, then it is quarantined; made by other settings
            or sources; or if its training diverged.
    """
    try:
        weights, origin = load_tensors(run.model)
    except FileNotFoundError as error:
        raise UserError(f"{run.model}: missing; run `moaplus train {run.folder}`") from error
    except (OSError, ValueError) as error:
        raise quarantine(run.model, error) from error
    _check_origin(run, origin)
    if "failed" in origin:
        raise UserError(origin["failed"])
    return weights


def save_training(run: Run, weights: dict[str, np.ndarray], history: str, made_by: dict) -> None:
    """Write history and model; a run with a model is trained.

    Args:
        run: whose folder it is.
        weights: of the model, by name.
        history: content of `history.csv`.
        made_by: `torch`, `device` and `threads`.

    Raises:
        UserError: if a file cannot be written.
    """
    save_text(run.history, history)
    origin = origin_of(run) | made_by | {"history": history_digest(history.encode())}
    save_tensors(run.model, weights, origin)


def save_failure(run: Run, reason: str, history: str, made_by: dict) -> None:
    """Write all files of a run whose training or evaluation diverged: empty, with the reason.

    Raises:
        UserError: if a file cannot be written.
    """
    for path in (run.concentrations, run.samples):
        save_arrays(path)
    save_training(run, {}, history or NO_EPOCH, made_by | {"failed": reason})


def save_checkpoint(run: Run, tensors: dict[str, np.ndarray], state: str, made_by: dict) -> None:
    """Write the state of a training between two epochs.

    Raises:
        UserError: if it cannot be written.
    """
    save_tensors(run.checkpoint, tensors, origin_of(run) | made_by | {"state": state})


def load_checkpoint(run: Run, made_by: dict) -> tuple[dict[str, np.ndarray], str] | None:
    """Load what `save_checkpoint` wrote; None if there is none that this training may go on from.

    One of other settings, sources, images, torch, device or number of threads, or a damaged one,
    counts as none.
    """
    try:
        tensors, origin = load_tensors(run.checkpoint)
        state = origin.pop("state")
    except (OSError, ValueError, KeyError):
        return None
    return (tensors, state) if origin == origin_of(run) | made_by else None


def load_history(run: Run) -> "pd.DataFrame":
    """Load the history of a run, one row per epoch.

    Raises:
        UserError: if it is missing or damaged.
    """
    from moaplus.storage.frames import load_frame  # pandas, which training does without

    return load_frame(run.history, "delete it and train again")


def load_concentrations(run: Run) -> dict[str, np.ndarray]:
    """Load `concentrations.npz`, as `evaluation.evaluate` describes it.

    Raises:
        UserError: if the file is missing or damaged.
    """
    names = [f"{split}_{name}" for split in SPLITS for name in EVALUATION]
    return load_arrays(run.concentrations, *names, "noise_errors")


def load_samples(run: Run) -> dict[str, np.ndarray]:
    """Load `samples.npz`, as `evaluation.evaluate` describes it.

    Raises:
        UserError: if the file is missing or damaged.
    """
    return load_arrays(run.samples, *SAMPLES)


def digest_of_images(images: np.ndarray) -> str:
    """Return the SHA-256 of images, which a checkpoint depends on."""
    return hashlib.sha256(images.tobytes()).hexdigest()


def _header(origin: dict, parameters: int) -> Header:
    made_on = f"{origin['device']} with torch {origin['torch']}, threads: {origin['threads']}"
    return Header(parameters, made_on, origin.get("failed"))


def _check_origin(run: Run, origin: dict) -> None:
    """Raise UserError if a model was not made by the run's present settings and sources."""
    if reason := foreign(run, origin):
        raise UserError(f"{run.model}: {reason}; delete it and run snakemake")
