"""The theory of two views: from the paper's bound to -log det of their Gram matrix."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from moaplus.audit.section import Section, read_probe
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.claims import FAILS, HOLDS, Verdict
from moaplus.theory.concentrations import two_view_gram

FILE = "[two_views.csv](probes/two_views.csv)"

BOUND = """\
*Why.* Let G = Γ/n, with eigenvalues λ₁ ≤ … ≤ λ_M. ‖G⁻¹‖_F ≤ √M/λ₁. Rows of P sum to 1, so Σ λ_k =
tr G = mean ‖p_i‖² ≤ 1, hence λ₂ ⋯ λ_M ≤ (M-1)^(1-M) and det G ≤ λ₁ (M-1)^(1-M). With Cauchy and
Schwarz that is the bound. Let P̄ be the mean of the concentrations P and Q of two views. Then
(PᵀQ + QᵀP)/2 = P̄ᵀP̄ − DᵀD with D = (P − Q)/2, so Γ' is at most Γ̄ = P̄ᵀP̄ in the order of symmetric
matrices, and det Γ' ≤ det Γ̄ if Γ' is positive definite. So with Γ' it is still a bound: of the
paper's loss of P̄. ∎"""

INSTRUMENT = """\
*Why.* Let P = R + U and Q = R + V be the concentrations of two views, R their expected value given
the images, U and V independent. Then PᵀP has the expected value RᵀR + E UᵀU, but PᵀQ has RᵀR.
Likewise Qᵀy estimates Rᵀy without the noise of P, so that (QᵀP)⁻¹Qᵀy tends to (RᵀR)⁻¹Rᵀy, as an
instrument's estimate does. Both views must be random: with the image itself for one of them, PᵀQ
estimates PᵀR, and P is not R. ∎"""

GRADIENT = """\
*Why.* d(-log det Γ') = -tr(Γ'⁻¹ dΓ'), and an image adds (p_i q_iᵀ + q_i p_iᵀ)/2 to Γ'. So the
gradient in p_i is -Γ'⁻¹q_i. A step downhill raises those concentrations whose weights, the rows of
A = QΓ'⁻¹, are large. They are weights as an instrument has them: where QᵀP is symmetric, and so
Γ', AᵀP = I. They are not the minimax weights of Q, QΓ_Q⁻¹, for which AᵀQ = I. ∎"""

OPTIMUM = """\
*Why.* Let G' = Γ'/n. If it is positive definite, det G' ≤ (tr G'/M)^M ≤ M^(-M), as tr G' = mean
p_iᵀq_i ≤ 1. Both are equal if p_iᵀq_i = 1 for every image, that is p_i = q_i one-hot, and G' =
I/M, that is loads are equal. For any G' Hadamard's inequality gives |det G'| ≤ Π_k Σ_l G'_kl ≤
M^(-M) too, but it is also reached by views that are swapped in pairs: q_i = e₂ where p_i = e₁, and
the other way round. One swap makes det G' negative; two, which takes M = 4, make it M^(-M), with
two eigenvalues of -1/M. A guard of the smallest eigenvalue, which training needs anyway, rules
that out. ∎"""


def two_views(plan: Plan) -> list[Section]:
    """Report the bound by determinants, and Γ' as an instrument's Gram matrix."""
    rows, batches = read_probe("two_views"), read_probe("random_batches")
    tested = (
        "Views of 500 images, drawn 400 times: Dirichlet(κ q) with known q, κ = 1, 10 and 100, "
        "M = 2 to 10."
    )
    return [
        _bound(rows, batches),
        _instrument(rows, tested),
        _gradient(rows),
        _optimum(rows, tested),
    ]


def _bound(rows: pd.DataFrame, batches: pd.DataFrame) -> Section:
    broken = batches["determinant_violations"].sum() + rows["broken"].sum()
    ratios = batches.groupby("experts")["median_determinant_ratio"].max()
    return Section(
        key="bound_determinant",
        claim="‖Γ⁻¹‖_F ‖E‖_F is at most √M (M-1)^(1-M) ‖E‖_F / det Γ, with Γ and E divided by n; "
        "with Γ' of two views it bounds the loss of their mean concentrations (ours)",
        tested="The random batches of the bounds above, and two views of 500 images wherever Γ' is "
        "positive definite.",
        outcome=f"{broken} of {batches['draws'].sum() + rows['definite'].sum():,} break it. It is "
        "loose, the more so the larger M: the median of Frobenius bound over determinant bound is "
        "at most "
        + ", ".join(f"{ratio:.2g} (M = {M})" for M, ratio in ratios.items())
        + ". Its logarithm is -log det Γ plus the logarithm of an error and a constant. What is "
        "trained on two views has ‖diag E‖ in place of ‖E‖_F, as the paper's bound has, and is no "
        f"bound: {batches['trained_violations'].sum():,} of {batches['draws'].sum():,} random "
        "batches break it.",
        verdict=Verdict(HOLDS if broken == 0 else FAILS),
        files=f"[random_batches.csv](probes/random_batches.csv), {FILE}",
        body=[BOUND],
    )


def _instrument(rows: pd.DataFrame, tested: str) -> Section:
    entries = sum(M * (M + 1) // 2 for M in rows["experts"])
    limit = norm.ppf(1 - 0.05 / (2 * entries))  # Bonferroni
    table = [
        {
            "M": f"{row['experts']:.0f}",
            "κ": f"{row['noise']:.0f}",
            "bias of Γ / its error": f"{row['one_view']:.1f}",
            "of Γ'": f"{row['two_views']:.1f}",
            "bias of a mean, one view": f"{row['mean_one_view']:.3f}",
            "with the other as instrument": f"{row['mean_instrument']:.3f}",
        }
        for _, row in rows.iterrows()
    ]
    worse = rows[rows["mean_instrument"] > rows["mean_one_view"]]
    ratios = worse["mean_instrument"] / worse["mean_one_view"]
    return Section(
        key="instrument",
        claim="Γ' is a Gram matrix for errors in variables: noise of the views leaves it unbiased "
        "(ours)",
        tested=tested + " A component's mean is that of numbers with mean Σ_k q_k k.",
        outcome=f"The largest bias of an entry of Γ' is {rows['two_views'].max():.1f} times its "
        f"Monte-Carlo error ({limit:.1f} would be too much), of Γ {rows['one_view'].min():.0f} to "
        f"{rows['one_view'].max():.0f} times. That is of Γ' itself. An estimate with the other "
        "view as instrument is consistent, not unbiased: where noise makes Γ' nearly singular, it "
        f"is wild. In {len(worse)} of {len(rows)} cells it is worse than that of one view"
        + "".join(
            f", {ratio:.0f} times at M = {M:.0f}, κ = {noise:.0f}"
            for M, noise, ratio in zip(worse["experts"], worse["noise"], ratios, strict=True)
        )
        + ".",
        verdict=Verdict(HOLDS if rows["two_views"].max() <= limit else FAILS),
        files=FILE,
        body=[INSTRUMENT, markdown(table)],
    )


def _gradient(rows: pd.DataFrame) -> Section:
    worst = rows["gradient_error"].max()
    return Section(
        key="gradient_two_views",
        claim="The gradient of -log det Γ' in an image's concentrations is minus the weights of "
        "its other view as instrument (ours)",
        tested="Central differences over 20 images, for each M and noise.",
        outcome=f"They agree to {worst:.0e} of the largest. There is no factor 1/n, unless weights "
        "are scaled to have a mean of 1 (QΓ'⁻¹ times n).",
        verdict=Verdict(HOLDS if worst < 1e-5 else FAILS),
        files=FILE,
        body=[GRADIENT],
    )


def _optimum(rows: pd.DataFrame, tested: str) -> Section:
    P = np.eye(4)
    swapped = two_view_gram(P, P[[1, 0, 3, 2]])
    same = np.isclose(np.linalg.det(swapped), 4.0**-4)
    below = (rows["least"] < 0).any()
    return Section(
        key="optimum_two_views",
        claim="-log det Γ' is least for any balanced, one-hot, invariant concentrations (ours)",
        tested=tested + " And four images with M = 4 whose views are swapped in pairs.",
        outcome=f"Of {rows['definite'].sum():,} Γ' that are positive definite the least is "
        f"{rows['least'].min():.2f} above M log M, that of such concentrations. The swapped views "
        f"have a determinant of 4⁻⁴ {'too' if same else 'not'}, and eigenvalues "
        f"{', '.join(f'{value:g}' for value in np.linalg.eigvalsh(swapped))}. Every such partition "
        "is a minimum, whether or not it follows the classes; and that clusters are of even size "
        "is an assumption about the data.",
        verdict=Verdict(FAILS)
        if below
        else Verdict(HOLDS, "where Γ' is positive definite, not otherwise" if same else ""),
        files=FILE,
        body=[OPTIMUM],
    )
