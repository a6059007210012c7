"""The signed loss s = tr(Γ⁻¹E) and its bounds, from Γ = PᵀP and E = Pᵀe.

NumPy arrays or torch tensors, of one batch, (M, M), or of many, (…, M, M). Γ and E may both be
divided by n, which cancels. Γ must be invertible.
"""

from array_api_compat import array_namespace


def signed_loss(gamma, E):
    """Compute s = Σ_k Σ_i a_i^k e_ik = tr(Γ⁻¹E), (…): the paper's loss is its absolute value."""
    xp = array_namespace(gamma, E)
    return xp.linalg.trace(xp.linalg.solve(gamma, E))


def paper_bound(gamma, E):
    """Compute ‖Γ⁻¹‖_F · ‖diag E‖₂, (…) (slide "Modified Loss Function").

    ‖Γ⁻¹‖_F = √(Σ_k 1/λ_k²) with the eigenvalues λ_k of Γ. A bound of |s| for M = 2 where s ≥ 0;
    a heuristic otherwise.
    """
    xp = array_namespace(gamma, E)
    return _norm_of_inverse(gamma) * xp.linalg.vector_norm(xp.linalg.diagonal(E), axis=-1)


def frobenius_bound(gamma, E):
    """Compute ‖Γ⁻¹‖_F · ‖E‖_F, (…): by Cauchy and Schwarz no less than |s|, for every M."""
    xp = array_namespace(gamma, E)
    return _norm_of_inverse(gamma) * xp.linalg.matrix_norm(E)


def determinant_bound(gamma, E):
    """Compute √M (M-1)^(1-M) ‖E‖_F / det Γ, (…): at least `frobenius_bound`; Γ and E divided by n.

    With rows of P that sum to 1, the eigenvalues of Γ/n sum to at most 1. So those above the
    smallest, λ, have a product of at most (M-1)^(1-M), and ‖(Γ/n)⁻¹‖_F ≤ √M/λ.
    """
    xp = array_namespace(gamma, E)
    M = gamma.shape[-1]
    factor = M**0.5 * (M - 1.0) ** (1 - M)
    return factor * xp.linalg.matrix_norm(E) / xp.linalg.det(gamma)


def _norm_of_inverse(gamma):
    xp = array_namespace(gamma)
    return xp.linalg.vector_norm(1 / xp.linalg.eigvalsh(gamma), axis=-1)
