"""The deep gate with a single head."""

import functools

from moaplus.mixture.gates import deep
from moaplus.mixture.view_training import TwoViews

VIEWS = (  # the augmentations that may be chosen
    "affine",
    "elastic",
    "thickness",
    "flip",
    "rotation",
    "crop",
    "colour",
    "brightness",
    "contrast",
    "noise",
    "erase",
)
gate = functools.partial(deep.gate, heads=1)
flat = TwoViews
