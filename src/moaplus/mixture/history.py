"""The history of a training, `history.csv`: statistics of each epoch."""

import csv
import io

import torch
from torch import Tensor

from moaplus.mixture.outcome import Outcome, shift_spectrum
from moaplus.theory.bounds import frobenius_bound, paper_bound, signed_loss


class NotFiniteError(ArithmeticError):
    """A training diverged; the message names the quantity, the epoch and the step."""


class EpochStatistics:
    """Statistics over the batches of an epoch, taken while the weights move.

    `add` only keeps a batch's outcome; all else is computed once an epoch.
    """

    def __init__(self, epoch: int, ridge: float):
        self.epoch, self.ridge = epoch, ridge
        self.products: list[Tensor] = []
        self.logits: list[Tensor] = []
        self.objectives: list[Tensor] = []

    def add(self, outcome: Outcome, objective: Tensor) -> None:
        """Add a batch; the objective is (1,), or (heads,) of a gate with several."""
        self.products.append(outcome.products.detach())
        self.logits.append(outcome.logits.detach())
        self.objectives.append(objective)

    def check(self) -> None:
        """Check that the epoch so far is finite.

        Raises:
            NotFiniteError: naming the first step in which the objective or an error is not.
        """
        if self.objectives:
            self._means(self._outcome())

    def not_finite(self, name: str, step: int) -> NotFiniteError:
        """Return the error to raise for a step, counted from 1."""
        return NotFiniteError(f"{name} is not finite in epoch {self.epoch}, step {step}")

    def row(self) -> dict:
        """Return means over the epoch's images, eigenvalues of its Γ/n, and the bounds.

        Raises:
            NotFiniteError: as `check`.
        """
        outcome = self._outcome()
        row: dict = {"epoch": self.epoch, "steps": len(self.objectives)} | self._means(outcome)
        load = outcome.concentrations.double().mean(dim=0)
        row |= {f"load_{k}": value for k, value in enumerate(load.tolist())}
        eigenvalues = torch.linalg.eigvalsh(outcome.gram)
        row |= {f"eigenvalue_{k}": value for k, value in enumerate(eigenvalues.tolist())}
        return row | self._bounds(outcome)

    def by_head(self) -> Tensor:
        """Return the mean objective by each head of the gate over the images, (heads,)."""
        return torch.stack([values.mean() for values in self._objectives().T])

    def _objectives(self) -> Tensor:
        """Return the objective of each image's batch by each head, (n, heads), float64."""
        by_batch = torch.stack(self.objectives).cpu().double()
        return by_batch.repeat_interleave(torch.tensor(self._sizes()), dim=0)

    def _outcome(self) -> Outcome:
        """Return the outcome of all images of the epoch so far."""
        return Outcome(
            torch.cat(self.products).cpu(), torch.cat(self.logits).cpu(), ridge=self.ridge
        )

    def _sizes(self) -> list[int]:
        return [len(logits) for logits in self.logits]

    def _means(self, outcome: Outcome) -> dict:
        """Return means over images of the objective, also by head, and of both errors."""
        sizes, objectives = self._sizes(), self._objectives()
        best = outcome.concentrations.argmax(dim=1, keepdim=True)
        heads = dict(enumerate(objectives.T)) if objectives.shape[1] > 1 else {}
        means = {}
        for name, values in {
            "objective": objectives.mean(dim=1),
            "mixture_error": outcome.mixture_errors.double(),
            "routed_error": outcome.errors.gather(1, best).squeeze(1).double(),
            **{f"objective_head_{head}": values for head, values in heads.items()},
        }.items():
            finite = torch.stack([batch.isfinite().all() for batch in values.split(sizes)])
            if not finite.all():
                raise self.not_finite(name, step=int(finite.long().argmin()) + 1)
            means[name] = values.mean().item()
        return means

    def _bounds(self, outcome: Outcome) -> dict:
        """Return the signed loss, its bounds and Γ over the steps, as the objectives see them."""
        batches = [
            Outcome(products, logits, ridge=self.ridge)
            for products, logits in zip(
                outcome.products.split(self._sizes()),
                outcome.logits.split(self._sizes()),
                strict=True,
            )
        ]
        gram = torch.stack([batch.gram for batch in batches])
        cross_errors = torch.stack([batch.cross_errors for batch in batches])
        eigenvalues = torch.linalg.eigvalsh(gram)
        gamma = shift_spectrum(gram, self.ridge)
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
            "guarded": (eigenvalues[:, 0] < self.ridge).sum().item(),
            "condition": torch.linalg.cond(gram).median().item(),
        }


def history_text(rows: list[dict]) -> str:
    """Format rows as the content of `history.csv`."""
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0] if rows else ["epoch"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.9g}" if isinstance(v, float) else v for k, v in row.items()})
    return file.getvalue()
