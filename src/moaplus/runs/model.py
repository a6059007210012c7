"""A run's mixture: with fresh weights, or as its model file has it; and the device."""

import os

import torch
from torch import Tensor

from moaplus.mixture.fit import keep_freed_memory
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.plan.runs import Run
from moaplus.provenance.origin import processor
from moaplus.runs.folder import load_weights
from moaplus.storage.files import UserError, quarantine

DIVERGED_REMEDY = "try a smaller train.learning_rate or a larger train.ridge in params.yaml"


class DivergedError(UserError):
    """A training diverged: something is not finite. The run's files hold the reason."""


def prepare_device(device: str, threads: int) -> torch.device:
    """Set threads, memory and determinism; return the device to compute on.

    Raises:
        UserError: if a GPU is asked for and there is none.
    """
    if device == "gpu" and not torch.cuda.is_available():
        raise UserError(
            "device gpu: torch finds no GPU here; train without --workflow-profile gpu, or see to "
            "it that torch is built for the GPU's driver (python -m torch.utils.collect_env)"
        )
    torch.set_num_threads(threads)
    keep_freed_memory()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As use_deterministic_algorithms(True), which would also import the compiler: a second a run.
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # none is read; filling takes time
    torch.backends.cudnn.allow_tf32 = False  # float32 means float32 on a GPU too
    return torch.device("cuda" if device == "gpu" else "cpu")


def made_by(device: torch.device, compiler: str | None = None) -> dict:
    """Return what decides how numbers are rounded: torch, processor or GPU, threads, compiler."""
    cpu = f"{processor()}, {torch.backends.cpu.get_cpu_capability()}"
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else cpu,
        "threads": torch.get_num_threads(),
        "compiler": compiler,
    }


def build(run: Run) -> MixtureOfAutoencoders:
    """Return the run's mixture, with fresh weights from torch's random state."""
    network = run.network
    return MixtureOfAutoencoders(
        run.experts, network.architecture, network.channels, network.latent, network.gate
    )


def load_model(run: Run) -> MixtureOfAutoencoders:
    """Return the run's trained mixture.

    Raises:
        UserError: if the model is missing; damaged or of other shapes or types, then it is
            quarantined; made by other settings or sources; or if its training diverged.
    """
    mixture = build(run)
    arrays = load_weights(run)
    weights = {name: torch.from_numpy(values) for name, values in arrays.items()}
    if _kinds(weights) != _kinds(mixture.state_dict()):
        raise quarantine(run.model, "names, shapes or types are not those of its network")
    mixture.load_state_dict(weights)
    return mixture


def _kinds(weights: dict[str, Tensor]) -> dict[str, tuple]:
    return {name: (tuple(value.shape), value.dtype) for name, value in weights.items()}
