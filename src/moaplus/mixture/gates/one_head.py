"""The deep gate with a single head."""

from moaplus.mixture.gates import deep
from moaplus.mixture.view_training import TwoViews


def gate(experts: int, channels: tuple[int, int]) -> deep.DeepGate:
    """Images (n, 28, 28) -> logits of the concentrations, (n, M)."""
    return deep.DeepGate(experts, channels, heads=1)


flat = TwoViews
