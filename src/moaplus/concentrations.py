"""Mixtures with varying concentrations: the Gram matrix of the concentrations.

P, shape (n, M), holds the concentrations p_i^k; its rows sum to 1. All sums over images are
divided by n, which cancels in every objective and keeps values comparable across batch sizes.
"""

import torch
from torch import Tensor


def gram(P: Tensor) -> Tensor:
    """Γ/n = PᵀP/n, shape (M, M) (slide "Modified Loss Function", without its factor n)."""
    return P.T @ P / len(P)


def guarded_eigenvalues(gamma: Tensor, ridge: float) -> Tensor:
    """Eigenvalues of `gamma`, ascending, shape (M,), shifted so that the smallest is ≥ `ridge`.

    A uniform gate, a dead expert or n < M make Γ singular. Then, and only then, a constant is
    added to every eigenvalue, as a ridge on Γ would; the shift is not differentiated, so the
    gradient still pushes the small eigenvalues up.
    """
    eigenvalues = torch.linalg.eigvalsh(gamma.double())
    shift = (ridge - eigenvalues[0]).clamp(min=0).detach()
    return eigenvalues + shift
