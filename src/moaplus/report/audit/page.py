"""results/audit.md and its figures, from results/runs.csv, histories, probes and simulation."""

from collections.abc import Callable

from moaplus import plan as paths
from moaplus.files import save_text
from moaplus.plan import Plan
from moaplus.report.audit.clustering import balance, ceilings
from moaplus.report.audit.figures import AUDIT_FIGURES
from moaplus.report.audit.section import Section
from moaplus.report.audit.theory import bounds, estimators, identities
from moaplus.report.audit.training import along_training, batches, differentiability
from moaplus.report.cells import markdown
from moaplus.report.figures import save_figure, set_style

INTRODUCTION = """\
Symbols: P, (n, M), concentrations; Γ = PᵀP; minimax weights A = PΓ⁻¹; errors e, (n, M); E = Pᵀe;
s = tr(Γ⁻¹E) = Σ_k Σ_i a_i^k e_ik, the paper's loss without its absolute value. The *paper's bound*
is ‖Γ⁻¹‖_F ‖diag E‖₂, the *Frobenius bound* ‖Γ⁻¹‖_F ‖E‖_F. Intervals are 95 % bootstrap intervals
over seeds. The paper's table of NMI and loss has its own verdicts in [table.md](table.md)."""

SECTIONS: tuple[Callable[[Plan], list[Section]], ...] = (
    identities,
    bounds,
    along_training,
    differentiability,
    balance,
    ceilings,
    batches,
    estimators,
)


def write_audit(plan: Plan) -> None:
    """Write results/audit.md and its figures."""
    set_style()
    for name, draw in AUDIT_FIGURES.items():
        save_figure(name, draw(plan))
    sections = [section for make in SECTIONS for section in make(plan)]
    summary = [
        {"": number, "claim": s.claim, "verdict": f"**{s.verdict}**", "shown by": s.files}
        for number, s in enumerate(sections, 1)
    ]
    parts = ["# An audit of the paper's mathematics", INTRODUCTION, markdown(summary)]
    for number, section in enumerate(sections, 1):
        parts += [
            f"## {number}. {section.claim}",
            f"*Tested:* {section.tested}",
            f"*Outcome:* {section.outcome}",
            *section.body,
        ]
    save_text(paths.AUDIT, "\n\n".join(parts) + "\n")
