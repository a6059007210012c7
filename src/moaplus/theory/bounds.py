"""The signed loss s = tr(Γ⁻¹E) and its two bounds, from Γ = PᵀP and E = Pᵀe.

NumPy arrays or torch tensors, of one batch, (M, M), or of many, (…, M, M). Γ and E may both be
divided by n, which cancels. The caller sees to it that Γ can be inverted.
"""

from array_api_compat import array_namespace


def signed_loss(gamma, E):
    """The paper's loss without its absolute value, s = Σ_k Σ_i a_i^k e_ik = tr(Γ⁻¹E), (…)."""
    xp = array_namespace(gamma, E)
    return xp.linalg.trace(xp.linalg.solve(gamma, E))


def paper_bound(gamma, E):
    """‖Γ⁻¹‖_F · ‖diag E‖₂, (…) (slide "Modified Loss Function").

    ‖Γ⁻¹‖_F = √(Σ_k 1/λ_k²) with the eigenvalues λ_k of Γ. A bound of |s| for M = 2 where s ≥ 0;
    a heuristic otherwise.
    """
    xp = array_namespace(gamma, E)
    return _norm_of_inverse(gamma) * xp.linalg.vector_norm(xp.linalg.diagonal(E), axis=-1)


def frobenius_bound(gamma, E):
    """‖Γ⁻¹‖_F · ‖E‖_F, (…): by Cauchy and Schwarz no less than |s|, for every M."""
    xp = array_namespace(gamma, E)
    return _norm_of_inverse(gamma) * xp.linalg.matrix_norm(E)


def _norm_of_inverse(gamma):
    xp = array_namespace(gamma)
    return xp.linalg.vector_norm(1 / xp.linalg.eigvalsh(gamma), axis=-1)
