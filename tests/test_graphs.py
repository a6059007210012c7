"""CUDA graphs of passes; without a GPU, a stand-in for them that does to tensors what they do."""

import pytest
import torch
from torch.autograd import Function

from moaplus.mixture.fit import fit, start
from moaplus.mixture.networks import MixtureOfAutoencoders
from moaplus.mixture.objectives.moa_plus_views import moa_plus_views
from moaplus.mixture.schedules.constant import constant
from moaplus.plan.choices import views


def trained(gate: str, graphs: bool, device: str = "cpu") -> tuple[torch.Tensor, list[dict]]:
    """Weights and history of a training on 25 images in batches of 10, 10 and 5, or 9, 8 and 8."""
    torch.manual_seed(0)
    images = torch.rand(25, 28, 28).to(device)
    mixture = MixtureOfAutoencoders(3, "cae", (4, 6), 2, gate)  # channels without compiled loops
    state = start(mixture.to(device), 0, views=views(gate))
    state.network.graphs.applies = graphs
    fit(
        state,
        images,
        moa_plus_views,
        epochs=3,
        batch_size=10,
        learning_rate=1e-3,
        schedule=constant,
        ridge=1e-3,
    )
    return state.network.vector, state.rows


class StandIn:
    """In the place of `make_graphed_callables`: inputs and results have the same memory each time.

    So a result is overwritten by the next call, as those of graphs are.
    """

    def __init__(self):
        self.captured = []

    def __call__(self, module, samples):
        self.captured.append([tuple(sample.shape) for sample in samples])
        memory, weights = [], tuple(module.parameters())

        class Replayed(Function):
            @staticmethod
            def forward(ctx, *inputs):
                for sample, tensor in zip(samples, inputs, strict=False):
                    sample.copy_(tensor)
                with torch.enable_grad():
                    ctx.results = module.forward(*samples)
                if not memory:
                    memory.extend(result.detach().clone() for result in ctx.results)
                for place, result in zip(memory, ctx.results, strict=True):
                    place.copy_(result.detach())
                return tuple(place.detach() for place in memory)

            @staticmethod
            def backward(ctx, *gradients):
                return *[None] * len(samples), *torch.autograd.grad(ctx.results, weights, gradients)

        return lambda *inputs: Replayed.apply(*inputs, *weights)


@pytest.mark.parametrize(
    ("gate", "shapes"),
    [
        ("small", [[(10, 28, 28)], [(5, 28, 28)]]),
        ("deep", [[(18, 28, 28), (3, 28, 28)], [(16, 28, 28), (3, 28, 28)]]),
    ],
)
def test_a_pass_is_captured_once_for_each_shape_and_a_training_ends_the_same(
    gate, shapes, monkeypatch
):
    stand_in = StandIn()
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", stand_in)
    weights, rows = trained(gate, graphs=True)
    assert stand_in.captured == shapes
    expected, expected_rows = trained(gate, graphs=False)
    assert weights.equal(expected)
    assert rows == expected_rows


def test_where_no_graph_can_be_captured_one_line_says_so_and_training_goes_on(monkeypatch, capsys):
    def fails(*_):
        raise RuntimeError("CUDA error:\noperation not permitted when stream is capturing")

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", fails)
    weights, rows = trained("small", graphs=True)
    assert capsys.readouterr().err == (
        "training without CUDA graphs, which is slower: CUDA error: operation not permitted when "
        "stream is capturing\n"
    )
    expected, expected_rows = trained("small", graphs=False)
    assert weights.equal(expected)
    assert rows == expected_rows


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("gate", ["small", "deep"])
def test_on_a_gpu_a_training_ends_as_without_graphs(gate, capsys):
    weights, rows = trained(gate, graphs=True, device="cuda")
    assert "without CUDA graphs" not in capsys.readouterr().err
    expected, expected_rows = trained(gate, graphs=False, device="cuda")
    torch.testing.assert_close(weights, expected)
    assert rows[-1]["objective"] == pytest.approx(expected_rows[-1]["objective"])
