"""Standard MoA with the auxiliary losses of ST-MoE."""

from torch import Tensor
from torch.nn.functional import one_hot

from moaplus.mixture.objectives.moa import moa
from moaplus.mixture.outcome import Outcome


def st_moe(outcome: Outcome, balance: float, z: float) -> Tensor:
    """Compute standard MoA with ST-MoE's auxiliary losses, the usual cure for expert dominance.

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
