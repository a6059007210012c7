"""What a model's file says of what made it, and whether that is what its run wants; no torch."""

import hashlib
import json
from dataclasses import dataclass

from moaplus.plan.runs import Run
from moaplus.provenance.sources import digest, training_sources
from moaplus.storage.files import UserError, quarantine
from moaplus.storage.tensors import load_tensors, read_origin


@dataclass(frozen=True)
class Header:
    """Of a model: its number of parameters (experts and gate), and what it was made on."""

    parameters: int
    made_on: str


def origin_of(run: Run) -> dict:
    """Settings, and a digest of the sources that train: what a run's model is known by."""
    sources = digest("moaplus.runs.training", *training_sources(run))
    return json.loads(json.dumps({"settings": run.settings(), "sources": sources}))


def read_header(run: Run) -> Header:
    """Read the header of a run's model.

    Raises:
        UserError: if the model is missing; damaged, then it is put aside; or made by other settings
            or sources.
    """
    try:
        origin, parameters = read_origin(run.model)
        made_on = f"{origin['device']} with torch {origin['torch']}, threads: {origin['threads']}"
    except FileNotFoundError as error:
        raise UserError(f"{run.model}: missing; run snakemake to make it") from error
    except (OSError, ValueError, KeyError) as error:
        raise quarantine(run.model, error) from error
    check_origin(run, origin)
    return Header(parameters, made_on)


def check_origin(run: Run, origin: dict) -> None:
    """See that a model was made by the run's present settings and sources.

    Raises:
        UserError: if not, saying in what they differ.
    """
    if reason := foreign(run, origin):
        raise UserError(f"{run.model}: {reason}; delete it and run snakemake")


def foreign(run: Run, origin: dict) -> str | None:
    """In what a model's origin differs from its run's, if it does."""
    wanted = origin_of(run)
    settings = origin.get("settings")
    if not isinstance(settings, dict):
        return "it does not say what made it"
    different = [key for key, value in wanted["settings"].items() if settings.get(key) != value]
    if different:
        return f"made with another {', '.join(different)}"
    return "made by other sources" if origin.get("sources") != wanted["sources"] else None


def history_digest(content: bytes) -> str:
    """What a model's header says of its history."""
    return hashlib.sha256(content).hexdigest()


def is_trained(run: Run) -> bool:
    """Whether model and history are there, whole, and of the run's present settings and sources."""
    try:
        _, origin = load_tensors(run.model)
        history = history_digest(run.history.read_bytes())
    except (OSError, ValueError):
        return False
    return foreign(run, origin) is None and history == origin.get("history")
