"""Passes through a mixture as CUDA graphs: the GPU gets all kernels of a pass at once.

Models are so small that a GPU waits for Python nine tenths of a step (docs/speed.md). CUDA graphs
are described in Nguyen et al. 2021, "Accelerating PyTorch with CUDA Graphs".
"""

import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn

Pass = Callable[..., tuple[Tensor, ...]]


class Graphs:
    """Calls functions of tensors and of a module's weights; on a GPU by graphs of them.

    A function is captured, with its backward pass, once for each shape of its tensors. It may not
    copy from or to the CPU, nor draw random numbers.
    """

    def __init__(self, module: nn.Module):
        self.module = module
        self.applies = next(module.parameters()).is_cuda
        self.captured: dict[tuple, Pass] = {}

    def __call__(self, function: Pass, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return what the function returns."""
        if not (self.applies and torch.is_grad_enabled()):
            return function(*inputs)
        key = function, tuple(tensor.shape for tensor in inputs)
        if key not in self.captured:
            self.captured[key] = self._capture(function, inputs)
        return tuple(result.clone() for result in self.captured[key](*inputs))  # not overwritten

    def _capture(self, function: Pass, inputs: tuple[Tensor, ...]) -> Pass:
        samples = tuple(tensor.clone() for tensor in inputs)  # from now on the graph's own
        try:
            return torch.cuda.make_graphed_callables(_Pass(self.module, function), samples)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            print(f"training without CUDA graphs, which is slower: {reason}", file=sys.stderr)
            self.applies = False
            return function


class _Pass(nn.Module):
    """A function as a module, whose parameters its graph has gradients of."""

    def __init__(self, module: nn.Module, function: Pass):
        super().__init__()
        self.module, self.function = module, function

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.function(*inputs)
