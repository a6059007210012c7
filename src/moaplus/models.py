"""What a model's file says of itself, read without torch."""

from dataclasses import dataclass

from moaplus.files import UserError, put_aside
from moaplus.plan import Run
from moaplus.tensors import read_origin


@dataclass(frozen=True)
class Header:
    """Of a model: its number of parameters (experts and gate), and what it was made on."""

    parameters: int
    made_on: str


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
        raise put_aside(run.model, error) from error
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
    wanted = run.origin()
    settings = origin.get("settings")
    if not isinstance(settings, dict):
        return "it does not say what made it"
    different = [key for key, value in wanted["settings"].items() if settings.get(key) != value]
    if different:
        return f"made with another {', '.join(different)}"
    return "made by other sources" if origin.get("sources") != wanted["sources"] else None
