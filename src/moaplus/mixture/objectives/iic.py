"""Mutual information of two views' clusters."""

from torch import Tensor

from moaplus.mixture.objectives.moa_plus_views import EPSILON, with_errors
from moaplus.mixture.outcome import Outcome


def iic(outcome: Outcome) -> Tensor:
    """Compute -I(k; l) with the joint probabilities Γ'/n of two views' clusters, (heads,).

    Ji et al. 2019, "Invariant information clustering", eq. 3. The experts are trained as those of
    `moa_plus_views` are.
    """
    joint = outcome.view_grams.clamp(min=EPSILON)
    rows, columns = joint.sum(dim=2, keepdim=True), joint.sum(dim=1, keepdim=True)
    information = (joint * (joint.log() - rows.log() - columns.log())).sum(dim=(1, 2))
    return with_errors(-information, outcome)
