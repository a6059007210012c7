"""A reproducible test of MoA+, a mixture of autoencoders trained with minimax weights."""

import importlib
from importlib.metadata import version

PUBLIC = {"MoAPlus": "clusterer.estimator", "minimax_weights": "theory.concentrations"}
__all__ = [*PUBLIC, "__version__"]


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: plans and tables need no torch."""
    if name == "__version__":
        return version("moaplus")
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return sorted(__all__)
