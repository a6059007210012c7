"""What a model's file says of itself, read without torch."""

import json
import math
from dataclasses import dataclass

import safetensors

from moaplus.files import UserError
from moaplus.plan import Run


@dataclass(frozen=True)
class Header:
    """Of a model: number of parameters (experts and gate), device and version of torch."""

    parameters: int
    made_on: str


def read_header(run: Run) -> Header:
    """Read the header of a run's model.

    Raises:
        UserError: if the model is missing or damaged.
    """
    try:
        with safetensors.safe_open(run.model, framework="numpy") as model:
            origin = json.loads(model.metadata()["origin"])
            shapes = [model.get_slice(name).get_shape() for name in model.keys()]  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{run.model}: damaged ({error}); delete it and train again") from error
    made_on = f"{origin['device']} with torch {origin['torch']}"
    return Header(sum(math.prod(shape) for shape in shapes), made_on)
