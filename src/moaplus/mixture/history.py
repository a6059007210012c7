"""What training saw, epoch by epoch: `history.csv`."""

import csv
import io

import torch
from torch import Tensor

from moaplus.mixture.outcome import Outcome, guarded
from moaplus.theory.bounds import frobenius_bound, paper_bound, signed_loss

FINITE = ("objective", "mixture_error", "routed_error")


class NotFiniteError(ArithmeticError):
    """Training left the finite numbers; the message says by what, when."""


class EpochRecord:
    """What the batches of an epoch gave, taken while the weights move."""

    def __init__(self, epoch: int, ridge: float):
        self.epoch, self.ridge = epoch, ridge
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

    def check(self) -> None:
        """See that the epoch so far is finite.

        Raises:
            NotFiniteError: naming the first step in which the objective or an error is not.
        """
        for name in (name for name in FINITE if name in self.steps):
            finite = torch.stack(self.steps[name]).isfinite()
            if not finite.all():
                raise self.not_finite(name, step=int(finite.long().argmin()) + 1)

    def not_finite(self, name: str, step: int) -> NotFiniteError:
        """The error to raise for a step, counted from 1."""
        return NotFiniteError(f"{name} is not finite in epoch {self.epoch}, step {step}")

    def row(self) -> dict:
        """Means over the epoch's images, eigenvalues of Γ/n of the epoch, and the bounds.

        Raises:
            NotFiniteError: as `check`.
        """
        self.check()
        steps = {name: torch.stack(values).cpu().double() for name, values in self.steps.items()}
        share = steps["images"] / steps["images"].sum()
        row: dict = {"epoch": self.epoch, "steps": len(share)}
        row |= {name: (share @ steps[name]).item() for name in FINITE}
        row |= {f"load_{k}": load for k, load in enumerate((share @ steps["load"]).tolist())}
        gram = torch.tensordot(share, steps["gram"], dims=1)
        eigenvalues = torch.linalg.eigvalsh(gram).tolist()
        row |= {f"eigenvalue_{k}": value for k, value in enumerate(eigenvalues)}
        return row | _bounds(steps, self.ridge)


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


def history_text(rows: list[dict]) -> str:
    """The content of `history.csv`."""
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.9g}" if isinstance(v, float) else v for k, v in row.items()})
    return file.getvalue()
