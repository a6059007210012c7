"""A run's folder: model, history, checkpoint and evaluation; saved, loaded, whole or not.

Arrays in, arrays out: torch is not needed to read what a run left.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from moaplus.plan.runs import SPLITS, Run
from moaplus.provenance.origin import history_digest, origin_of
from moaplus.storage.arrays import load_arrays, save_arrays
from moaplus.storage.files import UserError, quarantine, save_text
from moaplus.storage.tensors import load_tensors, read_origin, save_tensors

EVALUATION = ("concentrations", "errors", "mixture_errors")  # of each split
SAMPLES = ("shown", "originals", "reconstructions", "concentrations")


@dataclass(frozen=True)
class Header:
    """What a model's file says of itself.

    Attributes:
        parameters: number of weights of experts and gate.
        made_on: device, torch, threads, and the compiler of the training step.
        failed: why the training diverged, if it did.
    """

    parameters: int
    made_on: str
    failed: str | None


class TrainingFiles:
    """What training reads and writes of its run's folder."""

    def __init__(self, run: Run):
        self.run, self.origin = run, origin_of(run)

    def find_model(self) -> Header | None:
        """Return the header of the run's model if the run need not be trained.

        That is if model and history are there, whole, and of the present settings and sources.
        """
        try:
            tensors, origin = load_tensors(self.run.model)
            history = history_digest(self.run.history.read_bytes())
        except (OSError, ValueError):
            return None
        if _difference(self.origin, origin) or history != origin.get("history"):
            return None
        return _header(origin, sum(values.size for values in tensors.values()))

    def save_model(
        self,
        weights: dict[str, np.ndarray],
        history: str,
        made_by: dict,
        failed: str | None = None,
    ) -> None:
        """Write model and history; of a training that diverged all files, without content.

        Args:
            weights: of the model, by name.
            history: content of `history.csv`.
            made_by: `torch`, `device`, `threads` and `compiler`.
            failed: why the training or the evaluation diverged, if it did.

        Raises:
            UserError: if a file cannot be written.
        """
        origin = self.origin | made_by | {"history": history_digest(history.encode())}
        if failed:
            weights, origin = {}, origin | {"failed": failed}
            for path in (self.run.concentrations, self.run.samples):
                save_arrays(path)
        save_tensors(self.run.model, weights, origin)
        save_text(self.run.history, history)

    def save_checkpoint(self, tensors: dict[str, np.ndarray], state: str, made_by: dict) -> None:
        """Write the state of a training between two epochs.

        Raises:
            UserError: if it cannot be written.
        """
        save_tensors(self.run.checkpoint, tensors, self.origin | made_by | {"state": state})

    def load_checkpoint(self, made_by: dict) -> tuple[dict[str, np.ndarray], str] | None:
        """Load what `save_checkpoint` wrote; None if this training may not go on from it.

        One of other settings, sources, images, torch, device or number of threads, or a damaged
        one, counts as none.
        """
        try:
            tensors, origin = load_tensors(self.run.checkpoint)
            state = origin.pop("state")
        except (OSError, ValueError, KeyError):
            return None
        return (tensors, state) if origin == self.origin | made_by else None


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


def load_history(run: Run) -> dict[str, list]:
    """Load the history of a run: numbers by column, one for each epoch.

    Raises:
        UserError: if it is missing; or damaged, then it is quarantined.
    """
    try:
        text = run.history.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            raise ValueError("its last line has no end")
        names, *rows = csv.reader(text.splitlines())
        columns = zip(*rows, strict=True)
        return {name: _numbers(values) for name, values in zip(names, columns, strict=True)}
    except OSError as error:
        raise UserError(
            f"{run.history}: cannot be read ({error.strerror}); delete it and train again"
        ) from error
    except ValueError as error:
        raise quarantine(run.history, error) from error


def _numbers(texts: Iterable[str]) -> list:
    try:
        return [int(text) for text in texts]
    except ValueError:
        return [float(text) for text in texts]


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


def _header(origin: dict, parameters: int) -> Header:
    software = " and ".join(filter(None, (f"torch {origin['torch']}", origin.get("compiler"))))
    made_on = f"{origin['device']} with {software}, threads: {origin['threads']}"
    return Header(parameters, made_on, origin.get("failed"))


def _check_origin(run: Run, origin: dict) -> None:
    """Raise UserError if a model was not made by the run's present settings and sources."""
    if reason := _difference(origin_of(run), origin):
        raise UserError(f"{run.model}: {reason}; delete it and run snakemake")


def _difference(wanted: dict, origin: dict) -> str | None:
    """Return in what a model's origin differs from the one that is wanted, if it does."""
    settings = origin.get("settings")
    if not isinstance(settings, dict):
        return "it does not say what made it"
    different = [key for key, value in wanted["settings"].items() if settings.get(key) != value]
    if different:
        return f"made with another {', '.join(different)}"
    return "made by other sources" if origin.get("sources") != wanted["sources"] else None
