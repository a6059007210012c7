"""Clusters of uneven size."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import floats, integers
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import normalized_mutual_info_score

from moaplus.clusterer.balance import with_balance
from moaplus.clusterer.estimator import MoAPlus
from moaplus.mixture.objectives.moa_plus_views import moa_plus_views
from moaplus.mixture.outcome import Outcome


def outcome(views: torch.Tensor, ridge: float = 1e-9) -> Outcome:
    """Return the outcome of a batch, of which the first inputs are seen by experts too."""
    _, _, n, M = views.shape
    residuals = torch.rand(n, M, 20, generator=torch.Generator().manual_seed(0))
    products = residuals @ residuals.mT / 20
    first, second = views[:, 0].log_softmax(dim=2)
    return Outcome(products, torch.logaddexp(first, second), views, ridge=ridge)


@given(integers(2, 6), integers(0, 2**32 - 1), floats(0, 1))
def test_the_part_that_balances_has_the_weight(M, seed, balance):
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(1, 3, 40, M, generator=draw)
    views = logits + torch.randn(2, 3, 40, M, generator=draw)
    batch = outcome(views)
    by_hand = []
    for P, Q in zip(*(views.double().softmax(dim=3).numpy()), strict=True):
        loads = (P.mean(axis=0) + Q.mean(axis=0)) / 2
        gram = (P.T @ Q + Q.T @ P) / (2 * len(P))
        if np.linalg.eigvalsh(gram / np.sqrt(np.outer(loads, loads)))[0] < 1e-8:
            return
        _, log_det = np.linalg.slogdet(gram)
        by_hand.append(-log_det + (1 - balance) * np.log(loads).sum())
    errors = np.log(np.linalg.norm(np.diag(batch.cross_errors.numpy())))
    np.testing.assert_allclose(with_balance(balance)(batch), by_hand + errors, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(with_balance(1.0)(batch), moa_plus_views(batch))


def test_heads_are_pushed_with_weights_up_to_1_and_compared_with_one():
    logits = torch.randn(1, 1, 40, 3, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(2, 1, 40, 3, generator=torch.Generator().manual_seed(1))
    views = (logits + noise).expand(2, 5, -1, -1).clone().requires_grad_()
    values = with_balance(0.2)(outcome(views))
    assert np.ptp(values.tolist()) < 1e-9
    (gradients,) = torch.autograd.grad(values.sum(), views)
    for head, weight in ((0, 0.2), (4, 1.0)):
        single = views.detach()[:, :1].clone().requires_grad_()
        (alone,) = torch.autograd.grad(with_balance(weight)(outcome(single)).sum(), single)
        by_errors = torch.autograd.grad(
            outcome(single).cross_errors.diagonal().norm().log(), single
        )[0]
        torch.testing.assert_close(
            gradients[:, head], (alone - by_errors)[:, 0] + (by_errors[:, 0] if head == 0 else 0)
        )


@pytest.mark.parametrize("sizes", [(50, 50), (90, 10), (60, 30, 10)])
def test_without_balance_sizes_do_not_matter(sizes):
    """Of any partition that both views agree on, the part that is left has its least value, 0."""
    clusters = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    logits = 100 * torch.nn.functional.one_hot(clusters).float()
    batch = outcome(logits.expand(2, 1, -1, -1))
    errors = batch.cross_errors.diagonal().norm().log()
    assert with_balance(0.0)(batch).item() == pytest.approx(errors.item(), abs=1e-5)


def test_a_component_that_dies_gains_nothing():
    """Its load is divided by, so that without a guard the loss would have no least value."""
    values = []
    for dying in (0.0, -10.0, -20.0, -40.0):
        logits = torch.randn(1, 1, 200, 3, generator=torch.Generator().manual_seed(0))
        logits[..., 2] += dying
        values.append(with_balance(0.2)(outcome(logits.expand(2, 1, -1, -1), 1e-3)).item())
    assert (np.diff(values) > -1e-6).all()


@pytest.mark.parametrize("sizes", [(400, 100), (400, 60, 40), (250, 250)])
def test_blobs_of_uneven_sizes_are_found_as_k_means_finds_them(sizes):
    X, y = make_blobs(
        sizes, centers=np.array([[0, 0], [12, 0], [0, 12]])[: len(sizes)], random_state=0
    )
    ours = MoAPlus(len(sizes), random_state=0).fit_predict(X)
    theirs = KMeans(len(sizes), n_init=10, random_state=0).fit_predict(X)
    score = normalized_mutual_info_score
    assert score(y, ours) >= score(y, theirs) - 0.02
