"""A reproducible test of MoA+, a mixture of autoencoders trained with minimax weights."""

import importlib

PUBLIC = {"MoAPlus": "estimator", "minimax_weights": "theory.concentrations"}


def __getattr__(name: str) -> object:
    """Import a public name when it is asked for: plans and tables need no torch."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{PUBLIC[name]}"), name)
