"""One run: from its description to `model.safetensors` and `history.csv`."""

import csv
import json
import math
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from tqdm import tqdm

from moaplus.concentrations import gram
from moaplus.files import UserError, whole_file
from moaplus.images import load_images
from moaplus.networks import MixtureOfAutoencoders
from moaplus.objectives import OBJECTIVES, Outcome, signed_loss
from moaplus.optimizer import Adam, one_cycle
from moaplus.plan import Run


def train(run: Run, device: str = "cpu", threads: int = 1) -> None:
    """Train `run` and write its model and history. Labels are never read.

    Args:
        run: what to train.
        device: `cpu`, or `auto` for a GPU where there is one.
        threads: CPU threads of this process.

    Raises:
        UserError: if data are missing, a file cannot be written, or the objective is not finite.
    """
    target = prepare_device(device, threads)
    images = torch.from_numpy(load_images(run.selection)["train"]).to(target)
    if run.experts > len(images):
        raise UserError(f"{run.folder}: {run.experts} experts for {len(images)} images")
    torch.manual_seed(run.seed)
    mixture = build(run).to(target)
    history = list(_epochs(run, mixture, images))
    _save_history(run.history, history)
    _save_model(run, mixture)


def prepare_device(device: str, threads: int) -> torch.device:
    """Set threads and determinism; return the device to compute on."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As use_deterministic_algorithms(True), which would also import the compiler: a second a run.
    torch.set_deterministic_debug_mode("error")
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
        UserError: if the model is missing, damaged or of another shape.
    """
    mixture = build(run)
    try:
        mixture.load_state_dict(safetensors.torch.load_file(run.model))
    except FileNotFoundError as error:
        raise UserError(f"{run.model}: missing; run `moaplus train {run.folder}`") from error
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{run.model}: damaged ({reason}); delete it and train again") from error
    return mixture


def _epochs(run: Run, mixture: MixtureOfAutoencoders, images: Tensor) -> Iterator[dict]:
    """Train epoch by epoch, yielding a row of the history for each."""
    training = run.training
    batches = math.ceil(len(images) / training.batch_size)
    total_steps = training.epochs * batches
    optimizer = Adam(mixture.parameters())
    order = torch.Generator().manual_seed(run.seed)
    progress = tqdm(total=total_steps, desc=str(run.folder), disable=not sys.stderr.isatty())
    for epoch in range(1, training.epochs + 1):
        record = EpochRecord(run, epoch)
        shuffled = torch.randperm(len(images), generator=order).to(images.device)
        for batch in shuffled.split(training.batch_size):
            rate = one_cycle(optimizer.updates, total_steps, training.learning_rate)
            record.add(*step(run, mixture, optimizer, images[batch], rate))
            progress.update()
        row = record.row()
        progress.write(_log_line(run, row), file=sys.stderr)
        yield row
    progress.close()


def step(
    run: Run, mixture: nn.Module, optimizer: Adam, images: Tensor, learning_rate: float
) -> tuple[Outcome, Tensor]:
    """One update of the weights on a batch (n, 28, 28); returns what the batch gave."""
    precision = getattr(torch, run.training.precision)
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        reconstructions, logits = mixture(images)
    outcome = Outcome(images, reconstructions, logits, run.training.ridge)
    objective = OBJECTIVES[run.objective](outcome)
    mixture.zero_grad()
    objective.backward()
    optimizer.step(learning_rate)
    return outcome, objective.detach()


class EpochRecord:
    """Sums over the batches of an epoch, taken while the weights move."""

    def __init__(self, run: Run, epoch: int):
        self.run, self.epoch = run, epoch
        self.images = self.steps = 0
        self.sums: dict[str, Tensor] = {}

    @torch.no_grad()
    def add(self, outcome: Outcome, objective: Tensor) -> None:
        """Add a batch."""
        P, n = outcome.concentrations, len(outcome.images)
        gamma = gram(P)
        routed = outcome.errors.gather(1, P.argmax(dim=1, keepdim=True))
        self._sum("objective", objective * n)
        self._sum("mixture_error", outcome.mixture_errors.sum())
        self._sum("routed_error", routed.sum())
        self._sum("loads", P.sum(dim=0))
        self._sum("gamma", gamma * n)
        self._sum("guard", torch.linalg.eigvalsh(gamma.double())[0] < self.run.training.ridge)
        self._sum("negative", signed_loss(outcome) < 0)
        self.images += n
        self.steps += 1

    def _sum(self, name: str, value: Tensor) -> None:
        self.sums[name] = self.sums.get(name, 0) + value.double()

    def row(self) -> dict:
        """The epoch's row of `history.csv`."""
        sums = self.sums
        row = {"epoch": self.epoch}
        for name in ("objective", "mixture_error", "routed_error"):
            row[name] = (sums[name] / self.images).item()
            if not math.isfinite(row[name]):
                raise UserError(
                    f"{self.run.folder}: {name} is not finite in epoch {self.epoch}; "
                    "try a smaller train.learning_rate or a larger train.ridge"
                )
        for k, load in enumerate((sums["loads"] / self.images).tolist()):
            row[f"load_{k}"] = load
        for k, value in enumerate(torch.linalg.eigvalsh(sums["gamma"] / self.images).tolist()):
            row[f"eigenvalue_{k}"] = value
        row["guard_share"] = (sums["guard"] / self.steps).item()
        row["negative_share"] = (sums["negative"] / self.steps).item()
        return row


def _log_line(run: Run, row: dict) -> str:
    return (
        f"epoch {row['epoch']}/{run.training.epochs}  objective {row['objective']:.5f}  "
        f"mixture error {row['mixture_error']:.5f}  routed error {row['routed_error']:.5f}"
    )


def _save_history(path: Path, rows: list[dict]) -> None:
    with whole_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.9g}" if isinstance(v, float) else v for k, v in row.items()})


def _save_model(run: Run, mixture: MixtureOfAutoencoders) -> None:
    """Write the weights last, with what made them: a run with a model is complete."""
    device = next(mixture.parameters()).device
    origin = {
        "settings": run.settings(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else _cpu_name(),
    }
    weights = {name: value.cpu().contiguous() for name, value in mixture.state_dict().items()}
    with whole_file(run.model) as temporary:
        # One key: safetensors writes several in a random order.
        metadata = {"origin": json.dumps(origin, sort_keys=True)}
        safetensors.torch.save_file(weights, temporary, metadata)


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
