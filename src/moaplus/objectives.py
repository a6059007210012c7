"""What training minimises.

To add an objective, write one function of an `Outcome` and name it in `OBJECTIVES` and in the
schema of params.yaml. Its further arguments, if any, are its constants in params.yaml.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from moaplus.bounds import frobenius_bound, paper_bound, signed_loss
from moaplus.concentrations import gram


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

    @cached_property
    def gram(self) -> Tensor:
        """Γ/n, (M, M), float64: nearly singular at the start of training."""
        return gram(self.concentrations.double())

    @cached_property
    def cross_errors(self) -> Tensor:
        """E/n = Pᵀe/n, (M, M), float64."""
        return self.concentrations.double().T @ self.errors.double() / len(self.images)


def guarded(gram: Tensor, ridge: float) -> Tensor:
    """Γ/n, (…, M, M), with its spectrum shifted so that the smallest eigenvalue is ≥ `ridge`.

    A uniform gate, a dead expert or n < M make Γ singular. Then, and only then, a constant is
    added to its diagonal; the constant is not differentiated, so the gradient still pushes the
    small eigenvalues up.
    """
    shift = (ridge - torch.linalg.eigvalsh(gram.detach())[..., 0]).clamp(min=0)
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return gram + shift[..., None, None] * identity


def moa(outcome: Outcome) -> Tensor:
    """MSE of the mixed reconstruction (slide "Standard Mixture of Experts and Shortcomings").

    Jacobs, Jordan, Nowlan and Hinton 1991, "Adaptive Mixtures of Local Experts", eq. 1.1.
    """
    return outcome.mixture_errors.mean()


def moe(outcome: Outcome) -> Tensor:
    """Errors of the experts, weighted: Σ_k p_i^k e_ik, mean over images (ibid., eq. 1.2)."""
    return (outcome.concentrations * outcome.errors).sum(dim=1).mean()


def hinton(outcome: Outcome, sigma: float) -> Tensor:
    """−log Σ_k p_i^k exp(−‖x_i − x̂_ik‖²/2σ²), mean over images.

    Ibid., eq. 1.3, which has σ = 1.
    """
    squared_distances = outcome.errors * outcome.images[0].numel()
    fits = -squared_distances / (2 * sigma**2)
    return -(outcome.logits.log_softmax(dim=1) + fits).logsumexp(dim=1).mean()


def st_moe(outcome: Outcome, balance: float, z: float) -> Tensor:
    """Standard MoA with the auxiliary losses of ST-MoE, the usual cure for expert dominance.

    Zoph et al. 2022, "ST-MoE", eq. 6: a load-balancing loss M Σ_k f_k P_k, with f_k the share of
    images whose largest concentration is the k-th and P_k the load (Fedus et al. 2022, "Switch
    Transformers", eq. 4 to 6), and a router z-loss, the mean of (log Σ_k exp logit_ik)² (eq. 5).
    """
    P = outcome.concentrations
    n, M = P.shape
    shares = one_hot(P.argmax(dim=1), M).sum(dim=0) / n
    balance_loss = M * (shares * P.mean(dim=0)).sum()
    z_loss = outcome.logits.logsumexp(dim=1).square().mean()
    return moa(outcome) + balance * balance_loss + z * z_loss


def moa_plus(outcome: Outcome) -> Tensor:
    """The paper's bound, ‖Γ⁻¹‖_F · ‖diag(Pᵀe)‖₂ (slide "Modified Loss Function")."""
    return paper_bound(guarded(outcome.gram, outcome.ridge), outcome.cross_errors)


def moa_plus_exact(outcome: Outcome) -> Tensor:
    """The paper's loss itself, |tr(Γ⁻¹Pᵀe)| (slide "Modified Loss Function")."""
    return signed_loss(guarded(outcome.gram, outcome.ridge), outcome.cross_errors).abs()


def moa_plus_frobenius(outcome: Outcome) -> Tensor:
    """‖Γ⁻¹‖_F · ‖Pᵀe‖_F: as the paper's bound, but a bound for every M."""
    return frobenius_bound(guarded(outcome.gram, outcome.ridge), outcome.cross_errors)


OBJECTIVES: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        moa,
        moe,
        hinton,
        st_moe,
        moa_plus,
        moa_plus_exact,
        moa_plus_frobenius,
    )
}
