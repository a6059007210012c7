"""Views: random label-preserving augmentations of images.

A whole batch takes one matrix product, for the sampling grids, and one `grid_sample`.
"""

import functools
import math
from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor

# Ranges at strength 1; each value is drawn for each image on its own.
ROTATION = math.radians(15)  # at most, to either side
STRETCH = 0.25  # of each axis, at most, as a logarithm
SHEAR = 0.3  # at most, to either side
SHIFT = 0.18  # at most, as a share of half the image's side
ELASTIC = 0.06  # standard deviation at the knots of a smooth field, of half the image's side
KNOTS = 5  # of that field, along each side


def random_views(images: Tensor, augmentations: Collection[str], strength: float = 1) -> Tensor:
    """Make a random view of each image, (n, h, w) or (n, colours, h, w), of the same shape.

    Random numbers are torch's own on the CPU, so that views are the same on every device.

    Args:
        images: beyond their borders they go on as they are there.
        augmentations: of `affine`, `elastic` and `thickness`.
        strength: of all of them, 1 or less.
    """
    n, *_, height, width = images.shape
    uniform = strength * (2 * torch.rand(n, 7) - 1)
    knots = strength * ELASTIC * torch.randn(n, KNOTS**2, 2)
    plane = _affine(uniform if "affine" in augmentations else 0 * uniform)
    coefficients = torch.cat([plane, knots if "elastic" in augmentations else 0 * knots], dim=1)
    # One product: one for each image, of two columns, took fifteen times as long.
    places = coefficients.mT.reshape(2 * n, -1).to(images) @ _basis(height, width).to(images)
    views = F.grid_sample(
        images.view(n, -1, height, width),
        places.view(n, 2, height, width).permute(0, 2, 3, 1),
        padding_mode="border",
        align_corners=False,
    )
    if "thickness" in augmentations:
        views = _thickened(views, uniform[:, 6].to(images))
    return views.view(images.shape)


def _affine(uniform: Tensor) -> Tensor:
    """Return the coefficients of x, y and 1 in the place that a pixel is taken from, (n, 3, 2)."""
    angle, across, down, shear = (
        uniform[:, :4] * torch.tensor([ROTATION, STRETCH, STRETCH, SHEAR])
    ).T
    cos, sin = angle.cos(), angle.sin()
    across, down = across.exp(), down.exp()
    x = torch.stack([cos * across, sin * across], dim=1)
    y = torch.stack([cos * shear - sin * down, sin * shear + cos * down], dim=1)
    return torch.stack([x, y, SHIFT * uniform[:, 4:6]], dim=1)


@functools.cache
def _basis(height: int, width: int) -> Tensor:
    """Return x, y, 1 and a smooth bump at each knot, at every pixel: (3 + KNOTS², h·w)."""
    x, y = (((2 * torch.arange(side) + 1) / side - 1) for side in (width, height))
    y, x = torch.meshgrid(y, x, indexing="ij")
    bumps = torch.eye(KNOTS**2).view(-1, 1, KNOTS, KNOTS)
    bumps = F.interpolate(bumps, (height, width), mode="bicubic", align_corners=True)
    plane = torch.stack([x, y, torch.ones_like(x)])
    return torch.cat([plane.flatten(1), bumps.flatten(1)])


def _thickened(images: Tensor, amount: Tensor) -> Tensor:
    """Move each pixel towards the largest (amount > 0) or least of itself and four neighbours."""
    amount = amount[:, None, None, None]
    up, down = (_extreme(images, pick) - images for pick in (torch.maximum, torch.minimum))
    return images + amount.clamp(min=0) * up + (-amount).clamp(min=0) * down


def _extreme(images: Tensor, pick) -> Tensor:
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    beside = pick(padded[..., 1:-1, :-2], padded[..., 1:-1, 2:])
    above = pick(padded[..., :-2, 1:-1], padded[..., 2:, 1:-1])
    return pick(pick(beside, above), images)
