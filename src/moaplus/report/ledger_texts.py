"""The words of the ledger of claims: quotes, and why a claim comes out as it does."""

SUMMARY = """\
## Reproducibility summary

**Scope.** The talk "MoA+: Mixture of Autoencoders with Varying Concentrations for Enhanced Image
Clustering" (V. Tunik, 10 April 2025): its table of NMI and loss for MNIST with M = 2, and its
sentences about the method's mathematics.

**Method.** The talk has no code. Both models were written from its formulas and trained under equal
budgets; where it leaves a choice open, we declared the options before any result and drew a sample
of them (docs/multiverse.md). Labels chose nothing. Clusters and losses were computed a second time
by independent programs in the tests.

**Results.** Of {claims} claims {holds} hold, {fails} do not, {open} cannot be decided, {other} are
neither, and say so.

**What was easy.** The method is a few lines once Γ⁻¹ is read correctly; MNIST is public; a training
takes seconds.

**What was difficult.** The talk names neither images, nor budget, nor architecture, nor which error
its loss is; the printed minimax weights do not conform. So there is not one replication but a space
of them.

**Communication with the author.** The author was not asked."""

INTRODUCTION = """\
## Ledger

*Verdict* is that of the default protocol, by the rule in [table.md](table.md) or in the section of
[audit.md](audit.md) that is named; *with many seeds* and *after long training* are the studies
`seeds` and `long` (docs/studies.md). *Protocols in which it holds* counts the protocols of the
multiverse on the same images (docs/multiverse.md, rule 1)."""

# By the quantity and the method of a figure, or the quantity of a comparison: quote, why.
MEASURED = {
    "nmi_moa": (
        "Standard MoA, NMI 0.08",
        "The gate gives nearly all images to one expert: its clusters say next to nothing.",
    ),
    "nmi_moa_plus": (
        "MoA+, NMI 0.8",
        "The bound makes two clusters of even size; whether they are the digits differs by seed. "
        "With ten digits two clusters cannot reach it.",
    ),
    "loss_moa": (
        "Standard MoA, loss 0.018",
        "One expert learns all images, and does so well.",
    ),
    "loss_moa_plus": (
        "MoA+, loss 0.008",
        "Its loss depends on the budget, which the talk does not print: it falls from above 0.008 "
        "to far below as training goes on.",
    ),
    "nmi": (
        "MoA+ significantly outperforms",
        "Even clusters can agree with the digits; one cluster cannot.",
    ),
    "loss": (
        "MoA+ significantly outperforms",
        "In a short training each expert of MoA+ sees fewer images; in a long one two experts know "
        "their halves better than one knows all.",
    ),
}

# Quote, slide, how the audit's claim begins, why.
AUDITED = (
    (
        "A_n = (PᵀP)⁻¹P",
        "Intro to Mixture Model with Varying Concentrations",
        "Minimax weights are A",
        "P has n rows, Γ has M: the product needs P on the left.",
    ),
    (
        "Minimax weights … adjusting p to balance contributions",
        "Intro to Mixture Model with Varying Concentrations",
        "Minimax weights make AᵀP = I",
        "It is how the weights are defined: ΓΓ⁻¹ = I.",
    ),
    (
        "Regularizes the gate, balances experts, and improves clustering by tackling dominance",
        "Synthesis of MoE and MM with Varying Concentrations",
        'MoA+ "regularizes the gate',
        "A gate that neglects an expert has a small eigenvalue of Γ, which the bound punishes.",
    ),
    (
        "Upper Bound (only for M=2)",
        "Modified Loss Function",
        "|s| is at most the paper's bound",
        "It leaves out the terms off the diagonal, of which a negative s is made.",
    ),
    (
        "In general, this bounding is not true for M > 2",
        "Modified Loss Function",
        '"In general, this bounding',
        "Entries of Γ⁻¹ off the diagonal can then be positive.",
    ),
    (
        "but it can still be used",
        "Modified Loss Function",
        "The bound is valid where it is used",
        "Training keeps s positive where it minimises the bound.",
    ),
    (
        "The initial loss is difficult to differentiate",
        "Modified Loss Function",
        '"The initial loss is difficult',
        "Automatic differentiation handles the inverse of an M × M matrix.",
    ),
)
