"""The history of a training, `history.csv`: statistics of each epoch."""

import csv
import io

import torch
from torch import Tensor

from moaplus.mixture.outcome import Outcome, shift_spectrum
from moaplus.theory.bounds import frobenius_bound, paper_bound, signed_loss

FOLDED = 4096  # images whose outcomes are reduced together, at least
# What a row says of the numbers of its steps, where that is not their mean.
SUMMARIES = {
    "negative": torch.sum,
    "paper_violations": torch.sum,
    "frobenius_violations": torch.sum,
    "guarded": torch.sum,
    "condition": torch.median,
}


class NotFiniteError(ArithmeticError):
    """A training diverged; the message names the quantity, the epoch and the step."""


class EpochStatistics:
    """Statistics over the batches of an epoch, taken while the weights move.

    `add` only keeps a batch's outcome; what follows from outcomes is computed for many batches at
    once, so that memory does not grow with the epoch.
    """

    def __init__(self, epoch: int, ridge: float):
        self.epoch, self.ridge = epoch, ridge
        self.kept: list[tuple[Outcome, Tensor]] = []  # batches since the last fold
        self.waiting = 0  # images in them
        self.steps, self.images = 0, 0  # of those before
        self.sums: dict[str, Tensor] = {}  # over images
        self.by_step: dict[str, list[Tensor]] = {}

    def add(self, outcome: Outcome, objective: Tensor) -> None:
        """Add a batch; the objective is (1,), or (heads,) of a gate with several.

        Raises:
            NotFiniteError: as `fold`.
        """
        products, logits = outcome.products.detach(), outcome.logits.detach()
        self.kept.append((Outcome(products, logits, ridge=self.ridge), objective))
        self.waiting += len(logits)
        if self.waiting >= FOLDED:
            self.fold()

    def fold(self) -> None:
        """Reduce the outcomes that are kept to sums, and to numbers of each step.

        Raises:
            NotFiniteError: naming the first step in which the objective or an error is not finite.
        """
        if not self.kept:
            return
        outcomes, objectives = zip(*self.kept, strict=True)
        batches = [Outcome(o.products.cpu(), o.logits.cpu(), ridge=self.ridge) for o in outcomes]
        whole = Outcome(
            torch.cat([batch.products for batch in batches]),
            torch.cat([batch.logits for batch in batches]),
            ridge=self.ridge,
        )
        sizes = [len(batch.logits) for batch in batches]
        by_image = _by_image(whole, torch.stack(objectives).cpu().double(), sizes)
        self._check(by_image, sizes)
        P = whole.concentrations.double()
        sums = {name: values.sum(dim=0) for name, values in by_image.items()}
        for name, value in (sums | {"load": P.sum(dim=0), "gram": P.T @ P}).items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        for name, values in _bounds(batches, self.ridge).items():
            self.by_step.setdefault(name, []).append(values)
        self.steps, self.images = self.steps + len(sizes), self.images + len(P)
        self.kept, self.waiting = [], 0

    def not_finite(self, name: str, step: int) -> NotFiniteError:
        """Return the error to raise for a step, counted from 1."""
        return NotFiniteError(f"{name} is not finite in epoch {self.epoch}, step {step}")

    def row(self) -> dict:
        """Return means over the epoch's images, eigenvalues of its Γ/n, and the bounds.

        Raises:
            NotFiniteError: as `fold`.
        """
        self.fold()
        means = {name: value / self.images for name, value in self.sums.items()}
        gram, load, heads = means.pop("gram"), means.pop("load"), means.pop("heads")
        row = {"epoch": self.epoch, "steps": self.steps}
        row |= {name: value.item() for name, value in means.items()}
        if len(heads) > 1:
            row |= {f"objective_head_{head}": value for head, value in enumerate(heads.tolist())}
        row |= {f"load_{k}": value for k, value in enumerate(load.tolist())}
        eigenvalues = torch.linalg.eigvalsh(gram)
        row |= {f"eigenvalue_{k}": value for k, value in enumerate(eigenvalues.tolist())}
        by_step = {name: torch.cat(values) for name, values in self.by_step.items()}
        return row | {
            name: SUMMARIES.get(name, torch.mean)(v).item() for name, v in by_step.items()
        }

    def by_head(self) -> Tensor:
        """Return the mean objective by each head of the gate over the images, (heads,)."""
        self.fold()
        return self.sums["heads"] / self.images

    def _check(self, by_image: dict[str, Tensor], sizes: list[int]) -> None:
        for name, values in by_image.items():
            finite = torch.stack([batch.isfinite().all() for batch in values.split(sizes)])
            if not finite.all():
                raise self.not_finite(name, self.steps + int(finite.long().argmin()) + 1)


def _by_image(outcome: Outcome, objectives: Tensor, sizes: list[int]) -> dict[str, Tensor]:
    """Return the objective of each image's batch, also by head, and both errors, float64."""
    heads = objectives.repeat_interleave(torch.tensor(sizes), dim=0)
    best = outcome.concentrations.argmax(dim=1, keepdim=True)
    return {
        "objective": heads.mean(dim=1),
        "mixture_error": outcome.mixture_errors.double(),
        "routed_error": outcome.errors.gather(1, best).squeeze(1).double(),
        "heads": heads,
    }


def _bounds(batches: list[Outcome], ridge: float) -> dict[str, Tensor]:
    """Return the signed loss, its bounds and Γ of each batch, as the objectives see them."""
    gram = torch.stack([batch.gram for batch in batches])
    cross_errors = torch.stack([batch.cross_errors for batch in batches])
    eigenvalues = torch.linalg.eigvalsh(gram)
    gamma = shift_spectrum(gram, ridge)
    s = signed_loss(gamma, cross_errors)
    paper, frobenius = paper_bound(gamma, cross_errors), frobenius_bound(gamma, cross_errors)
    tolerance = 1 + 1e-9  # of rounding: the bounds are sharp
    return {
        "signed_loss": s,
        "paper_bound": paper,
        "frobenius_bound": frobenius,
        "paper_ratio": s.abs() / paper,
        "frobenius_ratio": s.abs() / frobenius,
        "negative": s < 0,
        "paper_violations": s.abs() > paper * tolerance,
        "frobenius_violations": s.abs() > frobenius * tolerance,
        "guarded": eigenvalues[:, 0] < ridge,
        "condition": torch.linalg.cond(gram),
    }


def history_text(rows: list[dict]) -> str:
    """Format rows as the content of `history.csv`."""
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0] if rows else ["epoch"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.9g}" if isinstance(v, float) else v for k, v in row.items()})
    return file.getvalue()
