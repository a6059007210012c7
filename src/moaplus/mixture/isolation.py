"""Torch's global state, kept out of a computation."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

FLOAT = torch.float32
DRAWS = {torch.rand, torch.randn, torch.randint, torch.randperm}  # tensors of random numbers
SAMPLES = {torch.bernoulli, torch.multinomial, torch.normal, torch.poisson} | {
    getattr(Tensor, name)
    for name in (
        *("bernoulli", "multinomial", "bernoulli_", "cauchy_", "exponential_", "geometric_"),
        *("log_normal_", "normal_", "random_", "uniform_"),
    )
}
LIKE = {torch.rand_like: torch.rand, torch.randn_like: torch.randn}
MADE = DRAWS | {
    *(torch.arange, torch.empty, torch.eye, torch.full, torch.linspace, torch.ones, torch.tensor),
    *(torch.zeros,),
}
INTEGERS = {torch.randint, torch.randperm}


class Isolation(TorchFunctionMode):
    """A context in which torch's global state neither changes a result nor is changed.

    Of the thread that enters it, random numbers come from a generator of its own, also those of
    modules and functions of others; new tensors are float32 on the CPU where nothing else is asked
    for; gradients are computed; nothing is cast. Dropout of torch has no generator, and keeps to
    the global one.
    """

    def __init__(self, seed: int):
        """Seed the generators, one for each device that asks for random numbers."""
        super().__init__()
        self.seed, self.generators = seed, {}
        self.states = ExitStack()

    def __enter__(self) -> Self:
        self.states.enter_context(torch.inference_mode(False))
        self.states.enter_context(torch.enable_grad())
        self.states.enter_context(torch.autocast("cpu", enabled=False))
        return super().__enter__()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        self.states.close()

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in MADE:
            return self._make(function, args, kwargs)
        if function in LIKE:
            like, *args = args or (kwargs.pop("input"),)
            place = {"dtype": like.dtype, "device": like.device}
            return self._make(LIKE[function], (like.shape, *args), place | kwargs)
        draws = function in SAMPLES or "generator" in kwargs  # such as those of torch.nn.init
        if draws and kwargs.get("generator") is None:
            tensor = next(value for value in (*args, *kwargs.values()) if torch.is_tensor(value))
            kwargs = kwargs | {"generator": self._generator(tensor.device)}
        return function(*args, **kwargs)

    def _make(self, function: Callable, args: tuple, kwargs: dict) -> Tensor:
        if kwargs.get("device") is None:
            kwargs = kwargs | {"device": "cpu"}
        if function in DRAWS and kwargs.get("generator") is None:
            kwargs = kwargs | {"generator": self._generator(torch.device(kwargs["device"]))}
        if kwargs.get("dtype") is not None or function in INTEGERS:
            return function(*args, **kwargs)
        if function in DRAWS:  # rounded, they would be other numbers
            return function(*args, **kwargs | {"dtype": FLOAT})
        made = function(*args, **kwargs)
        return made.to(FLOAT) if made.dtype == torch.get_default_dtype() else made

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self.generators:
            self.generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self.generators[device]
