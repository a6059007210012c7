"""Our optimizer and schedule against torch.optim."""

import pytest
import torch

from moaplus.mixture.fit import Adam
from moaplus.mixture.schedules.one_cycle import one_cycle


@pytest.mark.parametrize(("updates", "decay"), [(2, 0), (3, 0.1), (7, 0), (100, 2), (1188, 0)])
def test_updates_are_those_of_torch_optim(updates, decay):
    target = torch.randn(5, generator=torch.Generator().manual_seed(0))
    ours, theirs = torch.zeros(5), torch.nn.Parameter(torch.zeros(5))
    adam = Adam(ours, decay)
    if decay:
        reference = torch.optim.AdamW([theirs], weight_decay=decay, fused=True)
    else:
        reference = torch.optim.Adam([theirs], fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        reference, 0.016, total_steps=updates, cycle_momentum=False
    )
    for update in range(updates):
        rate = one_cycle(update, updates, 0.016)
        assert rate == pytest.approx(reference.param_groups[0]["lr"], rel=1e-9)
        adam.step(4 * (ours - target) ** 3, rate)
        theirs.grad = 4 * (theirs.detach() - target) ** 3
        reference.step()
        if update < updates - 1:
            schedule.step()
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-9)


def test_a_single_update_has_a_finite_rate():
    assert 0 < one_cycle(0, 1, 0.016) <= 0.016
