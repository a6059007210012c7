"""results/audit.md and its figures, from results/runs.csv, histories, probes and simulation."""

from collections.abc import Callable

import pandas as pd

from moaplus.audit.algebra import any_bound, any_weights, estimator_theory
from moaplus.audit.balance import expert_balance, nmi_ceilings
from moaplus.audit.in_training import bound_along_training, differentiability, gram_of_batches
from moaplus.audit.interval_coverage import interval_coverages
from moaplus.audit.section import Section
from moaplus.audit.two_view_theory import two_views
from moaplus.plan.results import AUDIT, AUDIT_FIGURES, AUDIT_TABLE
from moaplus.plan.studies import Plan
from moaplus.report.cells import markdown
from moaplus.report.claims import format_verdict
from moaplus.report.coverage import EXPLANATION
from moaplus.report.drawing import write_figure
from moaplus.storage.files import save_text
from moaplus.storage.frames import save_frame

INTRODUCTION = """\
Symbols: P, (n, M), concentrations; Γ = PᵀP; minimax weights A = PΓ⁻¹; errors e, (n, M); E = Pᵀe;
s = tr(Γ⁻¹E) = Σ_k Σ_i a_i^k e_ik, the paper's loss without its absolute value. The *paper's bound*
is ‖Γ⁻¹‖_F ‖diag E‖₂, the *Frobenius bound* ‖Γ⁻¹‖_F ‖E‖_F. Γ' = (PᵀQ + QᵀP)/2 is the Gram matrix of
two views, random small deformations of each image, with concentrations P and Q. Intervals are 95 %
intervals over seeds (beta bootstrap-t). Where a table has a column *configuration*, it selects a
line's rows of [runs.csv](runs.csv), together with the split `train`. The paper's table of NMI and
loss has its own verdicts in [table.md](table.md)."""

SECTIONS: tuple[Callable[[Plan], list[Section]], ...] = (
    any_weights,
    any_bound,
    bound_along_training,
    differentiability,
    expert_balance,
    nmi_ceilings,
    gram_of_batches,
    estimator_theory,
    two_views,
    interval_coverages,
)


def write_audit(plan: Plan) -> None:
    """Write results/audit.md, its verdicts as audit.csv, and its figures."""
    for name in AUDIT_FIGURES:
        write_figure("audit", name, plan)
    sections = [section for make in SECTIONS for section in make(plan)]
    summary = [
        {
            "": number,
            "claim": s.claim,
            "verdict": f"**{format_verdict(s.verdict)}**",
            "shown by": s.files,
        }
        for number, s in enumerate(sections, 1)
    ]
    heading = "# An audit of the paper's mathematics"
    parts = [heading, INTRODUCTION, EXPLANATION, markdown(summary)]
    for number, section in enumerate(sections, 1):
        parts += [
            f"## {number}. {section.claim}",
            f"*Tested:* {section.tested}",
            f"*Outcome:* {section.outcome}",
            *section.body,
        ]
    save_text(AUDIT, "\n\n".join(parts) + "\n")
    verdicts = [
        {
            "claim": section.claim,
            "verdict": format_verdict(section.verdict),
            "files": section.files,
            "key": section.key,
            "word": section.verdict.word,
            "reason": section.verdict.reason,
        }
        for section in sections
    ]
    save_frame(AUDIT_TABLE, pd.DataFrame(verdicts))
