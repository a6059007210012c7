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

from moaplus.bounds import frobenius_bound, paper_bound, signed_loss
from moaplus.files import UserError, whole_file
from moaplus.images import load_images
from moaplus.networks import MixtureOfAutoencoders
from moaplus.objectives import OBJECTIVES, Outcome, guarded
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
    objective = OBJECTIVES[run.objective](outcome, **run.constants)
    objective.backward()
    optimizer.step(learning_rate)
    return outcome, objective.detach()


class EpochRecord:
    """What the batches of an epoch gave, taken while the weights move."""

    def __init__(self, run: Run, epoch: int):
        self.run, self.epoch = run, epoch
        self.steps: dict[str, list[Tensor]] = {}

    @torch.no_grad()
    def add(self, outcome: Outcome, objective: Tensor) -> None:
        """Add a batch."""
        routed = outcome.errors.gather(1, outcome.concentrations.argmax(dim=1, keepdim=True))
        step = {
            "images": torch.tensor(len(outcome.images)),
            "objective": objective,
            "mixture_error": outcome.mixture_errors.mean(),
            "routed_error": routed.mean(),
            "load": outcome.concentrations.mean(dim=0),
            "gram": outcome.gram,
            "cross_errors": outcome.cross_errors,
        }
        for name, value in step.items():
            self.steps.setdefault(name, []).append(value.detach())

    def row(self) -> dict:
        """The epoch's row of `history.csv`.

        Raises:
            UserError: if the objective or an error is not finite.
        """
        steps = {name: torch.stack(values).cpu().double() for name, values in self.steps.items()}
        share = steps["images"] / steps["images"].sum()
        row: dict = {"epoch": self.epoch, "steps": len(share)}
        for name in ("objective", "mixture_error", "routed_error"):
            row[name] = (share @ steps[name]).item()
            if not math.isfinite(row[name]):
                raise UserError(
                    f"{self.run.folder}: {name} is not finite in epoch {self.epoch}; "
                    "try a smaller train.learning_rate or a larger train.ridge"
                )
        row |= {f"load_{k}": load for k, load in enumerate((share @ steps["load"]).tolist())}
        gram = torch.tensordot(share, steps["gram"], dims=1)
        eigenvalues = torch.linalg.eigvalsh(gram).tolist()
        row |= {f"eigenvalue_{k}": value for k, value in enumerate(eigenvalues)}
        return row | _bounds(steps, self.run.training.ridge)


def _bounds(steps: dict[str, Tensor], ridge: float) -> dict:
    """The signed loss, its bounds and Γ over the steps of an epoch, as the objectives see them."""
    eigenvalues = torch.linalg.eigvalsh(steps["gram"])
    gamma, cross_errors = guarded(steps["gram"], ridge), steps["cross_errors"]
    s = signed_loss(gamma, cross_errors)
    paper, frobenius = paper_bound(gamma, cross_errors), frobenius_bound(gamma, cross_errors)
    tolerance = 1 + 1e-9  # of rounding: the bounds are sharp
    return {
        "signed_loss": s.mean().item(),
        "paper_bound": paper.mean().item(),
        "frobenius_bound": frobenius.mean().item(),
        "paper_ratio": (s.abs() / paper).mean().item(),
        "frobenius_ratio": (s.abs() / frobenius).mean().item(),
        "negative": (s < 0).sum().item(),
        "paper_violations": (s.abs() > paper * tolerance).sum().item(),
        "frobenius_violations": (s.abs() > frobenius * tolerance).sum().item(),
        "guarded": (eigenvalues[:, 0] < ridge).sum().item(),
        "condition": torch.linalg.cond(steps["gram"]).median().item(),
    }


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
