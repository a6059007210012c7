"""What `snakemake --config` and config/config.yaml may say: how to run, not what."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from moaplus.plan.runs import PARAMS
from moaplus.storage.files import UserError

DEVICES = ("cpu", "gpu")
TRUTH = {"true": True, "false": False}


@dataclass(frozen=True)
class Config:
    """How to run.

    Attributes:
        device: what trains, `cpu` or `gpu`.
        partial: whether a training that diverges stops the run, or is named in the tables.
        params: file with the settings of studies and runs.
    """

    device: str = "cpu"
    partial: bool = False
    params: Path = PARAMS


def read_config(given: Mapping, workflow: Path) -> Config:
    """Read Snakemake's configuration, whose values the command line gives as text.

    Args:
        given: keys and values.
        workflow: its folder, whose params.yaml counts where the working folder has none.

    Raises:
        UserError: naming the key, its value and what is allowed.
    """
    allowed = [field.name for field in fields(Config)]
    for key in given:
        if key not in allowed:
            raise UserError(
                f"--config {key}: no such key; allowed: {', '.join(allowed)}; settings of studies "
                f"and trainings stand in {PARAMS}"
            )
    partial = str(given.get("partial", False)).lower()
    if partial not in TRUTH:
        raise UserError(f"--config partial={partial}: not allowed; allowed: {', '.join(TRUTH)}")
    device = str(given.get("device", DEVICES[0]))
    if device not in DEVICES:
        raise UserError(f"--config device={device}: not allowed; allowed: {', '.join(DEVICES)}")
    default = PARAMS if PARAMS.exists() else workflow / PARAMS
    return Config(device, TRUTH[partial], Path(given.get("params", default)))
