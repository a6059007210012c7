"""The deep gate with a single head."""

import functools

from moaplus.mixture.gates import deep
from moaplus.mixture.view_training import TwoViews

VIEWS = ("affine", "elastic", "thickness")
gate = functools.partial(deep.gate, heads=1)
flat = TwoViews
