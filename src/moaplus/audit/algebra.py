"""Minimax weights, bounds and estimators: claims for any P and e."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from moaplus.audit.section import Section, figure, read_probe, read_simulation
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.claims import FAILS, HOLDS, NEITHER, OPEN, Verdict


def any_weights(plan: Plan) -> list[Section]:
    """Report the shapes of the minimax weights, and AᵀP = I."""
    return [_weights_shape(), _weights_unbiased(read_probe("weights"))]


def _weights_shape() -> Section:
    P = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]])
    try:
        np.linalg.inv(P.T @ P) @ P
        printed = "conforms"
    except ValueError:
        printed = "does not conform"
    return Section(
        key="weights_shape",
        claim="Minimax weights are A = (PᵀP)⁻¹P or [Γ⁻¹P]_ik (slides on varying "
        "concentrations and the modified loss)",
        tested="The product as printed, with P of shape (n, M) as the weights a_i^k have it.",
        outcome=f"(PᵀP)⁻¹P multiplies (M, M) by (n, M), which {printed} unless n = M. What is "
        "meant is A = PΓ⁻¹, (n, M).",
        verdict=Verdict(NEITHER, f"as printed it {printed}; A = PΓ⁻¹ is meant"),
        files="this section",
        body=[],
    )


def _weights_unbiased(rows: pd.DataFrame) -> Section:
    worst = rows.groupby("dtype")[["qr", "explicit_inverse"]].max()
    table = rows.pivot_table(
        ["qr", "explicit_inverse"], ["experts", "dtype"], aggfunc="max", sort=False
    ).reset_index()
    lines = [
        {
            "M": row["experts"],
            "type": row["dtype"],
            "QR": f"{row['qr']:.1e}",
            "explicit inverse": f"{row['explicit_inverse']:.1e}",
        }
        for _, row in table.iterrows()
    ]
    return Section(
        key="weights_unbiased",
        claim="Minimax weights make AᵀP = I, so that weighted sums are unbiased",
        tested="A = PΓ⁻¹ of 1,000 random images by the QR factorisation of `minimax_weights` "
        "and by an explicit inverse of Γ, four kinds of P, M = 2 to 10.",
        outcome=f"By QR |AᵀP − I| is at most {worst.loc['float64', 'qr']:.1e} in float64 and "
        f"{worst.loc['float32', 'qr']:.1e} in float32; by an explicit inverse "
        f"{worst.loc['float64', 'explicit_inverse']:.1e} and "
        f"{worst.loc['float32', 'explicit_inverse']:.1e}.",
        verdict=Verdict(HOLDS if worst.loc["float64", "qr"] < 1e-10 else FAILS),
        files="[weights.csv](probes/weights.csv)",
        body=[markdown(lines)],
    )


PROOF = """\
*What is true, and why.* |s| = |Σ_kl (Γ⁻¹)_kl E_lk| ≤ ‖Γ⁻¹‖_F ‖E‖_F by Cauchy and Schwarz: the
Frobenius bound needs no condition. For M = 2, Γ has no negative entry, so
Γ⁻¹ = [[Γ₂₂, −Γ₁₂], [−Γ₁₂, Γ₁₁]] / det Γ has no positive entry off its diagonal, and E has no
negative one. Hence s ≤ Σ_k (Γ⁻¹)_kk E_kk ≤ ‖diag Γ⁻¹‖₂ ‖diag E‖₂ ≤ ‖Γ⁻¹‖_F ‖diag E‖₂, which bounds
|s| if s ≥ 0. If s < 0, |s| is made of the very terms that the paper's bound leaves out. For M ≥ 3
entries of Γ⁻¹ off the diagonal can be positive, and s ≥ 0 helps no longer. ∎"""


BOUND_FILES = (
    "[random_batches.csv](probes/random_batches.csv), "
    "[counterexamples.csv](probes/counterexamples.csv)"
)


def any_bound(plan: Plan) -> list[Section]:
    """Report the paper's bound and the Frobenius bound over random P and e."""
    rows, small = read_probe("random_batches"), read_probe("counterexamples")
    return [_bound_two(rows, small), _bound_more(rows, small), _bound_frobenius(rows)]


def _bound_two(rows: pd.DataFrame, small: pd.DataFrame) -> Section:
    two = rows[rows["experts"] == 2]
    by_sign = small[small["experts"] == 2].set_index("sign")
    bad, good = by_sign.loc["negative"], by_sign.loc["non-negative"]
    negative = two["violations_negative"].sum()
    nonnegative = two["violations_nonnegative"].sum() + good["violations"]
    fails = Verdict(FAILS, "as stated; holds where s ≥ 0" if nonnegative == 0 else "")
    return Section(
        key="bound_two",
        claim='|s| is at most the paper\'s bound for M = 2 (slide "Modified Loss Function")',
        tested=f"{rows['draws'].iloc[0]:,} random batches of 64 images for each kind of P and e, "
        "and every 2×2 P in tenths with every e of zeros and ones.",
        outcome=f"With s < 0 it fails in {negative:,} of {two['negative'].sum():,} batches and in "
        f"{bad['violations']} of {bad['cases']} small cases; with s ≥ 0 in {nonnegative} of "
        f"{two['draws'].sum() - two['negative'].sum() + good['cases']:,}. The largest "
        f"|s|/bound of all M is {rows['worst_paper_ratio'].max():,.0f}.",
        verdict=Verdict(HOLDS) if negative == 0 else fails,
        files=BOUND_FILES,
        body=[
            PROOF,
            *(_counterexample(row) for _, row in small[small["violations"] > 0].iterrows()),
            markdown([_bound_row(row) for _, row in rows.iterrows()]),
            figure("bound_ratios", "|s| over the paper's bound"),
        ],
    )


def _counterexample(row: pd.Series) -> str:
    return (
        f"*Smallest counterexample, M = {row['experts']}, s {row['sign']}* (n = M, a row for "
        f"each image): P = [{row['P']}] and e = [{row['e']}] give s = {row['s']:.4g} and a "
        f"bound of {row['paper_bound']:.4g}. Of all {row['cases']:,} small cases with this "
        f"sign, {row['violations']:,} break the bound."
    )


def _bound_more(rows: pd.DataFrame, small: pd.DataFrame) -> Section:
    rows, violations = rows[rows["experts"] > 2], small.loc[small["experts"] > 2, "violations"]
    return Section(
        key="bound_more",
        claim='"In general, this bounding is not true for M > 2" (same slide)',
        tested="The same, for M = 3, 5, 10.",
        outcome=f"It fails in {rows['violations_negative'].sum():,} batches with s < 0 and in "
        f"{rows['violations_nonnegative'].sum():,} with s ≥ 0, and in {violations.sum():,} "
        "small cases with M = 3 (above).",
        verdict=Verdict(HOLDS if violations.min() > 0 else OPEN),
        files=BOUND_FILES,
        body=[],
    )


def _bound_frobenius(rows: pd.DataFrame) -> Section:
    broken, ratios = rows["frobenius_violations"].sum(), rows["median_frobenius_ratio"]
    return Section(
        key="bound_frobenius",
        claim="The Frobenius bound holds for every M (ours)",
        tested="The same batches.",
        outcome=f"{broken} of {rows['draws'].sum():,} batches break it. It is loose: by "
        "kind of P and e the median of |s|/bound lies between "
        f"{ratios.min():.4f} and {ratios.max():.2f}.",
        verdict=Verdict(HOLDS if broken == 0 else FAILS),
        files="[random_batches.csv](probes/random_batches.csv)",
        body=[],
    )


def _bound_row(row: pd.Series) -> dict:
    draws, negative = row["draws"], row["negative"]
    return {
        "M": row["experts"],
        "P": row["concentrations"],
        "e": row["errors"],
        "s < 0": f"{negative / draws:.1%}",
        "bound broken, s < 0": f"{row['violations_negative'] / negative:.1%}" if negative else "",
        "bound broken, s ≥ 0": f"{row['violations_nonnegative'] / (draws - negative):.2%}",
        "worst ratio to paper's bound": f"{row['worst_paper_ratio']:.3g}",
        "median": f"{row['median_paper_ratio']:.2g}",
        "Frobenius bound broken": f"{row['frobenius_violations'] / draws:.1%}",
        "its median ratio": f"{row['median_frobenius_ratio']:.2g}",
    }


def estimator_theory(plan: Plan) -> list[Section]:
    """Report the simulation of the estimators of `concentrations.py`."""
    rows = read_simulation()
    least_squares = rows["estimator"].isin(["intercept", "slope"])
    tested = (
        f"{rows['replications'].iloc[0]:,} simulated samples of each size from two known "
        "components with p_i = (i, n + 1 − i)/(n + 1) (`moaplus simulate`)."
    )
    table = [_simulation_row(row) for _, row in rows.iterrows()]
    return [
        _unbiased(rows[~least_squares], tested),
        _least_squares(rows[least_squares], tested, table),
    ]


def _unbiased(rows: pd.DataFrame, tested: str) -> Section:
    ratios = (rows["bias"] / rows["bias_se"]).abs()
    limit = norm.ppf(1 - 0.05 / (2 * len(rows)))  # Bonferroni
    coverage = _coverage(rows)
    return Section(
        key="estimators_unbiased",
        claim="Weighted means and distribution functions are unbiased (theory of the slide "
        '"Intro to Mixture Model with Varying Concentrations")',
        tested=tested,
        outcome=f"Of {len(rows)} biases the largest is {ratios.max():.1f} times its Monte-Carlo "
        f"error; {limit:.1f} would be too much. {coverage[0]}",
        verdict=Verdict(HOLDS if ratios.max() <= limit and coverage[1] else FAILS),
        files="[simulation.csv](simulation.csv)",
        body=[],
    )


def _least_squares(rows: pd.DataFrame, tested: str, table: list[dict]) -> Section:
    shares = (rows["bias"].abs() / rows["variance"] ** 0.5).groupby(rows["n"]).max()
    ratios = rows["n_variance"] / rows["n_estimated_variance"]
    close = ratios.between(0.9, 1.1).groupby(rows["n"]).all()
    settled = min((n for n in close.index if close.loc[n:].all()), default=None)
    ratios = ratios[rows["n"] == rows["n"].max()]
    coverage = _coverage(rows)
    return Section(
        key="least_squares",
        claim="Modified least squares is consistent and asymptotically normal, with the variance "
        "of Liubashenko and Maiboroda (2015) and Miroshnichenko and Maiboroda (2020)",
        tested=tested,
        outcome="It is a ratio, so biased for finite n, and with negative weights its denominator "
        "can come near zero: at small n single samples dominate mean and variance (compare the "
        "median error). The largest bias is "
        + ", ".join(f"{share:.2f} (n = {n:,})" for n, share in shares.items())
        + " of the estimator's standard deviation. Variance over its estimate at the largest n: "
        f"{ratios.min():.2f} to {ratios.max():.2f}. {coverage[0]}",
        verdict=Verdict(
            HOLDS, f"coverage from n = {coverage[1]:,} on, variance within 10 % from {settled:,} on"
        )
        if settled and coverage[1]
        else Verdict(FAILS),
        files="[simulation.csv](simulation.csv)",
        body=[figure("estimators", "Bias and coverage by sample size"), markdown(table)],
    )


def _coverage(rows: pd.DataFrame) -> tuple[str, int | None]:
    """Format coverage by n; return also from which n on it is 95 %, to Monte-Carlo error."""
    close = ((rows["coverage"] - 0.95).abs() <= 3 * rows["coverage_se"]).groupby(rows["n"]).all()
    sizes = [n for n in close.index if close.loc[n:].all()]
    ends = rows.groupby("n")["coverage"].agg(["min", "max"])
    words = ", ".join(f"{low:.3f} to {high:.3f} (n = {n:,})" for n, (low, high) in ends.T.items())
    return f"Coverage of 95 % intervals: {words}.", min(sizes, default=None)


def _simulation_row(row: pd.Series) -> dict:
    return {
        "n": f"{row['n']:,}",
        "estimator": row["estimator"],
        "component": row["component"],
        "truth": f"{row['truth']:.3f}",
        "bias": f"{row['bias']:.4f}",
        "bias / its error": f"{row['bias'] / row['bias_se']:.1f}",
        "median error": f"{row['median_error']:.4f}",
        "n · variance": f"{row['n_variance']:.3g}",
        "n · its estimate": f"{row['n_estimated_variance']:.3g}",
        "coverage": f"{row['coverage']:.3f}",
    }
