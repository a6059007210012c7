"""What a mixture is made of, and trained by, for inputs of a kind."""

import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType

from moaplus.mixture import gates, objectives

FEATURE_GATES = ("tabular", "linear")  # gates that take features; the others take images


def _modules(package: ModuleType) -> dict[str, ModuleType]:
    """Import the modules of a package, by name."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return {name: import_module(f"{package.__name__}.{name}") for name in names}


GATES = _modules(gates)
OBJECTIVES = {
    name: objective
    for name, module in _modules(objectives).items()
    # An objective with constants takes more than the outcome.
    if len(inspect.signature(objective := getattr(module, name)).parameters) == 1
}


@dataclass(frozen=True)
class Kind:
    """What inputs are clustered by.

    Attributes:
        architecture: of the experts.
        gate: a module of `moaplus.mixture.gates`.
        balance: weight of the part of the default objective that asks for even clusters.
        views: names of augmentations, or a function; nothing of a gate that sees no views.
        n_init: number of starts.
        min_steps: least number of updates where a user leaves the number of epochs open.
        k_means: whether the first start imitates k-means.
    """

    architecture: str
    gate: str
    balance: float
    views: tuple[str, ...] | Callable
    n_init: int
    min_steps: int
    k_means: bool


OF_IMAGES = Kind("cae", "deep", 0.2, ("affine", "elastic", "thickness"), 1, 1200, False)
OF_FEATURES = Kind("dense", "tabular", 0.1, ("noise",), 3, 400, True)


def kind_of(
    shape: tuple[int, ...],
    *,
    gate: str,
    balance: float | str,
    views: str | Sequence[str] | Callable,
    n_init: int | str,
) -> Kind:
    """Return the kind of inputs (n, *shape) for parameters any of which may be "auto".

    Raises:
        ValueError: if the gate, or a view, is not for such inputs.
    """
    images = len(shape) > 1
    usual = OF_IMAGES if images else OF_FEATURES
    if gate != "auto" and not images and gate not in FEATURE_GATES:
        raise ValueError(
            f"gate={gate!r} needs images (n, h, w), and X has features; use 'auto', "
            f"{' or '.join(map(repr, FEATURE_GATES))}"
        )
    if gate != "auto":
        usual = replace(usual, gate=gate, k_means=gate == OF_FEATURES.gate and usual.k_means)
    allowed = getattr(GATES[usual.gate], "VIEWS", ())
    chosen = {"balance": balance, "n_init": n_init}
    kind = replace(usual, **{name: value for name, value in chosen.items() if value != "auto"})
    if isinstance(views, str):  # "auto"
        return kind if set(kind.views) <= set(allowed) else replace(kind, views=allowed)
    if not allowed:
        raise ValueError(f"views={views!r}: the gate {kind.gate!r} sees none; use 'auto'")
    if not callable(views):
        views = tuple(views)
        _check_names(views, allowed, shape)
    return replace(kind, views=views)


def _check_names(views: tuple[str, ...], allowed: tuple[str, ...], shape: tuple[int, ...]) -> None:
    for name in views:
        if name not in allowed:
            what = "images" if len(shape) > 1 else "features"
            raise ValueError(
                f"views: {name!r} is no augmentation of {what}; allowed: {', '.join(allowed)}, "
                "or a function"
            )
        if name == "colour" and shape[2:] not in ((3,), (4,)):
            raise ValueError("views: 'colour' needs images (n, h, w, 3)")
