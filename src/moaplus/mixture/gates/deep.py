"""A deeper gate, whose several heads are trained on views of the images."""

from torch import Tensor, nn

from moaplus.mixture.layers import SIDE
from moaplus.mixture.view_training import TwoViews

CHANNELS = (16, 32, 64)  # of three convolutions of stride 2
FEATURES = 128
HEADS = 5


class DeepGate(nn.Module):
    """Images (n, 28, 28) -> logits of the concentrations by the first head, (n, M).

    Heads that start from other weights end in other optima, and their objectives tell which is the
    best, without labels: so one training tries several at the cost of little more than one.

    Attributes:
        trunk: images -> features, (n, 128).
        heads: features -> logits of all heads, side by side.
    """

    def __init__(self, experts: int, channels: tuple[int, int], heads: int = HEADS):
        super().__init__()
        self.experts, self.count = experts, heads
        c1, c2, c3 = CHANNELS
        side = -(-SIDE // 8)
        self.trunk = nn.Sequential(
            nn.Unflatten(1, (1, SIDE)),
            *_normed(nn.Conv2d(1, c1, 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(c1)),
            *_normed(nn.Conv2d(c1, c2, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c2)),
            *_normed(nn.Conv2d(c2, c3, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c3)),
            nn.Flatten(),
            *_normed(nn.Linear(side * side * c3, FEATURES, bias=False), nn.BatchNorm1d(FEATURES)),
        )
        self.heads = nn.Linear(FEATURES, heads * experts)

    def forward(self, images: Tensor) -> Tensor:
        return self.by_head(images)[0]

    def by_head(self, images: Tensor) -> Tensor:
        """Logits of every head, (heads, n, M)."""
        logits = self.heads(self.trunk(images))
        return logits.unflatten(1, (self.count, self.experts)).transpose(0, 1)


def _normed(layer: nn.Module, norm: nn.Module) -> tuple[nn.Module, ...]:
    return layer, norm, nn.ReLU(inplace=True)


gate = DeepGate
flat = TwoViews
