"""What training minimises.

To add an objective, write one function of an `Outcome` and name it in `OBJECTIVES` and in the
schema of params.yaml.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from moaplus.concentrations import gram, guarded_eigenvalues


@dataclass(frozen=True)
class Outcome:
    """What a mixture of autoencoders makes of a batch of n images.

    Attributes:
        images: (n, 28, 28), grey values in [0, 1].
        reconstructions: (M, n, 28, 28), one reconstruction by each expert.
        logits: (n, M), the gate's output before the softmax.
        ridge: the smallest eigenvalue that Γ/n may have where it is inverted.
    """

    images: Tensor
    reconstructions: Tensor
    logits: Tensor
    ridge: float

    @cached_property
    def concentrations(self) -> Tensor:
        """P, (n, M): the softmax of the logits."""
        return self.logits.softmax(dim=1)

    @cached_property
    def errors(self) -> Tensor:
        """e, (n, M): mean squared error per pixel of expert k on image i."""
        return (self.reconstructions - self.images).square().mean(dim=(2, 3)).T

    @cached_property
    def mixture_errors(self) -> Tensor:
        """(n,): mean squared error per pixel of the mixed reconstruction Σ_k p_i^k x̂_ik."""
        weights = self.concentrations.T[:, :, None, None]
        mixed = (weights * self.reconstructions).sum(dim=0)
        return (mixed - self.images).square().mean(dim=(1, 2))


def moa(outcome: Outcome) -> Tensor:
    """MSE of the mixed reconstruction (slide "Standard Mixture of Experts and Shortcomings")."""
    return outcome.mixture_errors.mean()


def moa_plus(outcome: Outcome) -> Tensor:
    """The paper's bound, ‖Γ⁻¹‖_F · ‖diag(Pᵀe)‖₂ (slide "Modified Loss Function").

    ‖Γ⁻¹‖_F = √(Σ_k 1/λ_k²) with the eigenvalues λ_k of Γ. A bound of the loss for M = 2 where
    the signed loss is not negative; a heuristic for M > 2.
    """
    P = outcome.concentrations
    eigenvalues = guarded_eigenvalues(gram(P), outcome.ridge)
    weighted_errors = (P * outcome.errors).mean(dim=0)
    return eigenvalues.reciprocal().norm() * weighted_errors.norm()


OBJECTIVES: dict[str, Callable[[Outcome], Tensor]] = {"moa": moa, "moa_plus": moa_plus}


def signed_loss(outcome: Outcome) -> Tensor:
    """The paper's loss without its absolute value, s = Σ_k Σ_i a_i^k e_ik = tr(Γ⁻¹Pᵀe).

    The bound that `moa_plus` minimises needs s ≥ 0; training records how often that holds.
    """
    P = outcome.concentrations.double()
    gamma = gram(P)
    shift = (outcome.ridge - torch.linalg.eigvalsh(gamma)[0]).clamp(min=0)
    gamma = gamma + shift * torch.eye(len(gamma), dtype=gamma.dtype, device=gamma.device)
    return torch.linalg.solve(gamma, P.T @ outcome.errors.double() / len(P)).trace()
