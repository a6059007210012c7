"""One run: from its description to `model.safetensors` and `history.csv`."""

import hashlib
import json
import math
import os
import sys

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from moaplus.checkpoints import Checkpoint
from moaplus.files import UserError, put_aside, save_text
from moaplus.history import LESS, EpochRecord, NotFiniteError, history_text
from moaplus.images import load_images
from moaplus.machine import processor
from moaplus.models import check_origin
from moaplus.networks import MixtureOfAutoencoders
from moaplus.objectives import OBJECTIVES, Outcome
from moaplus.optimizer import Adam, one_cycle
from moaplus.plan import Run
from moaplus.tensors import load_tensors, save_tensors


def train(
    run: Run, device: str = "cpu", threads: int = 1, checkpoint_every: int | None = None
) -> None:
    """Train `run` and write its model and history. Labels are never read.

    A training that was interrupted goes on from its checkpoint, to the same bytes.

    Args:
        run: what to train.
        device: `cpu`, or `auto` for a GPU where there is one.
        threads: CPU threads of this process.
        checkpoint_every: epochs from one checkpoint to the next; none without it.

    Raises:
        UserError: if data are missing, a file cannot be written, or something is not finite; in
            the last case the reason stays in the run's `failed.json`.
    """
    target = prepare_device(device, threads)
    images = torch.from_numpy(load_images(run.selection)["train"]).to(target)
    if run.experts > len(images):
        raise UserError(f"{run.folder}: {run.experts} experts for {len(images)} images")
    torch.manual_seed(run.seed)
    mixture = build(run).to(target)
    try:
        history = _history(run, mixture, images, checkpoint_every)
        save_text(run.history, history)
        _save_model(run, mixture, history)
    except NotFiniteError as error:
        save_text(run.failure, json.dumps(run.origin() | {"reason": str(error)}) + "\n")
        raise
    for path in (run.checkpoint, run.failure):
        path.unlink(missing_ok=True)


def prepare_device(device: str, threads: int) -> torch.device:
    """Set threads and determinism; return the device to compute on."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As use_deterministic_algorithms(True), which would also import the compiler: a second a run.
    torch.set_deterministic_debug_mode("error")
    torch.utils.deterministic.fill_uninitialized_memory = False  # none is read; filling takes time
    torch.backends.cudnn.allow_tf32 = False  # float32 means float32 on a GPU too
    return torch.device("cuda" if device == "auto" and torch.cuda.is_available() else "cpu")


def build(run: Run) -> MixtureOfAutoencoders:
    """The run's mixture, with fresh weights from torch's random state."""
    network = run.network
    return MixtureOfAutoencoders(
        run.experts, network.architecture, network.channels, network.latent
    )


def load_model(run: Run) -> MixtureOfAutoencoders:
    """The run's trained mixture.

    Raises:
        UserError: if the model is missing; damaged or of other shapes or types, then it is put
            aside; or made by other settings or sources.
    """
    mixture = build(run)
    try:
        arrays, origin = load_tensors(run.model)
    except FileNotFoundError as error:
        raise UserError(f"{run.model}: missing; run `moaplus train {run.folder}`") from error
    except (OSError, ValueError) as error:
        raise put_aside(run.model, error) from error
    weights = {name: torch.from_numpy(values) for name, values in arrays.items()}
    if _kinds(weights) != _kinds(mixture.state_dict()):
        raise put_aside(run.model, "names, shapes or types are not those of its network")
    check_origin(run, origin)
    mixture.load_state_dict(weights)
    return mixture


def _kinds(weights: dict[str, Tensor]) -> dict[str, tuple]:
    return {name: (tuple(value.shape), value.dtype) for name, value in weights.items()}


def _history(
    run: Run, mixture: MixtureOfAutoencoders, images: Tensor, checkpoint_every: int | None
) -> str:
    """Train epoch by epoch; return the content of `history.csv`."""
    training = run.training
    steps = math.ceil(len(images) / training.batch_size)
    optimizer = Adam(mixture.parameters())
    order = torch.Generator().manual_seed(run.seed)
    checkpoint = Checkpoint(run, images, mixture, optimizer, order)
    rows = checkpoint.load()
    progress = tqdm(
        total=training.epochs * steps,
        initial=len(rows) * steps,
        desc=str(run.folder),
        disable=not sys.stderr.isatty(),
    )
    for epoch in range(len(rows) + 1, training.epochs + 1):
        record = EpochRecord(run, epoch)
        shuffled = torch.randperm(len(images), generator=order).to(images.device)
        for number, batch in enumerate(shuffled.split(training.batch_size), start=1):
            rate = one_cycle(optimizer.updates, training.epochs * steps, training.learning_rate)
            try:
                record.add(*step(run, mixture, optimizer, images[batch], rate))
            except torch.linalg.LinAlgError as error:  # what LAPACK makes of NaN
                record.check()
                raise record.not_finite("Γ", number) from error
            progress.update()
        rows.append(record.row())
        progress.write(_log_line(run, rows[-1]), file=sys.stderr)
        if checkpoint_every and epoch % checkpoint_every == 0:
            checkpoint.save(rows)
    progress.close()
    return history_text(rows)


def step(
    run: Run, mixture: nn.Module, optimizer: Adam, images: Tensor, learning_rate: float
) -> tuple[Outcome, Tensor]:
    """One update of the weights on a batch (n, 28, 28); returns what the batch gave."""
    precision = getattr(torch, run.training.precision)
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        reconstructions, logits = mixture(images)
    outcome = Outcome(images, reconstructions, logits, run.training.ridge)
    objective = OBJECTIVES[run.objective](outcome, **run.constants)
    objective.backward()
    optimizer.step(learning_rate)
    return outcome, objective.detach()


def _log_line(run: Run, row: dict) -> str:
    return (
        f"epoch {row['epoch']}/{run.training.epochs}  objective {row['objective']:.5f}  "
        f"mixture error {row['mixture_error']:.5f}  routed error {row['routed_error']:.5f}"
    )


def _save_model(run: Run, mixture: MixtureOfAutoencoders, history: str) -> None:
    """Write the weights last, with what made them: a run with a model is complete."""
    weights = {name: value.cpu().numpy() for name, value in mixture.state_dict().items()}
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise NotFiniteError(f"{run.folder}: {name} is not finite after the last step; {LESS}")
    device = next(mixture.parameters()).device
    cpu = f"{processor()}, {torch.backends.cpu.get_cpu_capability()}"
    origin = {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else cpu,
        "threads": torch.get_num_threads(),
        "history": hashlib.sha256(history.encode()).hexdigest(),
    }
    save_tensors(run.model, weights, run.origin() | origin)
