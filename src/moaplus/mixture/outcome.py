"""The outcome of a batch, which objectives are functions of."""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property

import torch
from torch import Tensor

from moaplus.theory.concentrations import gram, two_view_gram


@dataclass(frozen=True)
class Outcome:
    """What objectives need of a mixture's results on a batch of n images.

    Attributes:
        products: (n, M, M), of the residuals d_k = x̂_k − x of experts k and l on an image: the
            mean of d_k d_l over its pixels (`residual_products`).
        logits: (n, M), the gate's output before the softmax.
        views: logits of two views of each image of the batch by every head of the gate,
            (2, heads, m, M), if it sees views; n of these m images are those above.
        ridge: the smallest eigenvalue that Γ/n may have where it is inverted.
        top_1: whether an image goes to one expert alone, the one with the largest logit.
    """

    products: Tensor
    logits: Tensor
    views: Tensor | None = None
    _: KW_ONLY
    ridge: float
    top_1: bool = False

    @cached_property
    def concentrations(self) -> Tensor:
        """Compute P, (n, M): the softmax of the logits.

        With top-1 routing its values are 0 and 1, and its gradient is that of the softmax (Bengio,
        Léonard and Courville 2013, "Estimating or propagating gradients", straight-through).
        """
        P = self.logits.softmax(dim=1)
        if not self.top_1:
            return P
        return torch.zeros_like(P).scatter(1, P.argmax(dim=1, keepdim=True), 1) + P - P.detach()

    @cached_property
    def errors(self) -> Tensor:
        """Return e, (n, M): mean squared error per pixel of expert k on image i."""
        return self.products.diagonal(dim1=1, dim2=2)

    @cached_property
    def mixture_errors(self) -> Tensor:
        """Compute the mean squared error per pixel of the mixed reconstruction, (n,).

        That is Σ_k p_i^k x̂_ik. Its residual is Σ_k p_i^k d_ik, as rows of P sum to 1, so the square
        of that is pᵢᵀ(dᵢdᵢᵀ)pᵢ.
        """
        P = self.concentrations
        return ((self.products @ P[:, :, None]).squeeze(2) * P).sum(dim=1)

    @cached_property
    def gram(self) -> Tensor:
        """Compute Γ/n, (M, M), float64: nearly singular at the start of training."""
        return gram(self.concentrations.double())

    @cached_property
    def view_concentrations(self) -> tuple[Tensor, Tensor]:
        """Compute P and Q of two views by every head, (heads, m, M), float64.

        Without views they are both the P of the images.
        """
        if self.views is None:
            P = self.concentrations[None].double()
            return P, P
        P, Q = self.views.double().softmax(dim=3)
        return P, Q

    @cached_property
    def view_grams(self) -> Tensor:
        """Compute Γ'/n of every head, (heads, M, M), float64."""
        return two_view_gram(*self.view_concentrations)

    @cached_property
    def cross_errors(self) -> Tensor:
        """Compute E/n = Pᵀe/n, (M, M), float64."""
        return self.concentrations.double().T @ self.errors.double() / len(self.logits)


def residual_products(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Compute the products of residuals, (n, M, M), of reconstructions (M, n, *shape) of images."""
    residuals = (reconstructions - images).flatten(2).transpose(0, 1)
    return residuals @ residuals.transpose(1, 2) / residuals.shape[2]


def shift_spectrum(gram: Tensor, ridge: float) -> Tensor:
    """Shift the spectrum of Γ/n, (…, M, M), so that the smallest eigenvalue is at least `ridge`.

    A uniform gate, a dead expert or n < M make Γ singular. Then, and only then, a constant is
    added to its diagonal; the constant is not differentiated, so the gradient still pushes the
    small eigenvalues up.
    """
    shift = (ridge - torch.linalg.eigvalsh(gram.detach())[..., 0]).clamp(min=0)
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return gram + shift[..., None, None] * identity
