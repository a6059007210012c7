"""Views: random augmentations of images, which are to leave their cluster as it is.

A whole batch takes one matrix product, for the sampling grids, and one `grid_sample`.
"""

import functools
import math
from collections.abc import Collection

import torch
import torch.nn.functional as F
from torch import Tensor

# Ranges at strength 1; each value is drawn for each image on its own.
TILT = math.radians(15)  # at most, to either side
STRETCH = 0.25  # of each axis, at most, as a logarithm
SHEAR = 0.3  # at most, to either side
SHIFT = 0.18  # at most, as a share of half the image's side
ELASTIC = 0.06  # standard deviation at the knots of a smooth field, of half the image's side
KNOTS = 5  # of that field, along each side
CROP = 0.4  # of the side that a crop leaves out, at most
ERASED = 0.5  # side of the erased rectangle, at most, as a share of the image's
BRIGHTNESS = 0.3  # added, at most, of the range of the pixels
CONTRAST = 0.7  # about the image's mean, at most, as a logarithm
SATURATION = 0.7  # at most, as a logarithm
NOISE = 0.1  # standard deviation, of the range of the pixels
OF_VALUES = ("colour", "brightness", "contrast", "noise")  # of pixels


def random_views(images: Tensor, augmentations: Collection[str], strength: float = 1) -> Tensor:
    """Make a random view of each image, (n, h, w) or (n, colours, h, w), of the same shape.

    Random numbers are torch's own on the CPU, so that views are the same on every device.

    Args:
        images: pixels in [0, 1]; beyond their borders they go on as they are there.
        augmentations: small `affine` maps, `elastic` fields and `thickness` of
            strokes; `flip` from left to right; `rotation` by any angle; `crop`, enlarged;
            `brightness`, `contrast`; `colour`, hue and saturation of red, green and blue; `noise`;
            `erase`, a rectangle that becomes the image's mean.
        strength: of all of them, 1 or less.
    """
    n, *_, height, width = images.shape
    uniform = strength * (2 * torch.rand(n, 7) - 1)
    knots = strength * ELASTIC * torch.randn(n, KNOTS**2, 2)
    plane = _affine(uniform if "affine" in augmentations else 0 * uniform)
    plane = _further(plane, augmentations, strength)
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
    if not set(augmentations).isdisjoint(OF_VALUES):
        views = _recoloured(views, augmentations, strength).clamp(0, 1)
    if "erase" in augmentations:
        views = _erased(views, strength)
    return views.view(images.shape)


def _affine(uniform: Tensor) -> Tensor:
    """Return the coefficients of x, y and 1 in the place that a pixel is taken from, (n, 3, 2)."""
    angle, across, down, shear = (uniform[:, :4] * torch.tensor([TILT, STRETCH, STRETCH, SHEAR])).T
    cos, sin = angle.cos(), angle.sin()
    across, down = across.exp(), down.exp()
    x = torch.stack([cos * across, sin * across], dim=1)
    y = torch.stack([cos * shear - sin * down, sin * shear + cos * down], dim=1)
    return torch.stack([x, y, SHIFT * uniform[:, 4:6]], dim=1)


def _further(plane: Tensor, augmentations: Collection[str], strength: float) -> Tensor:
    """Flip, rotate and crop before the affine maps with these coefficients, (n, 3, 2)."""
    n = len(plane)
    x, y, shift = plane.unbind(dim=1)
    if "flip" in augmentations:
        x = torch.where(torch.rand(n, 1) < strength / 2, -x, x)
    if "rotation" in augmentations:
        angle = strength * math.pi * (2 * torch.rand(n, 1) - 1)
        x, y = angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x
    if "crop" in augmentations:
        left_out = strength * CROP * torch.rand(n, 1)
        across, down = (left_out * (2 * torch.rand(n, 2) - 1)).split(1, dim=1)
        shift = shift + across * x + down * y
        x, y = (1 - left_out) * x, (1 - left_out) * y
    return torch.stack([x, y, shift], dim=1)


@functools.cache
def _basis(height: int, width: int) -> Tensor:
    """Return x, y, 1 and a smooth bump at each knot, at every pixel: (3 + KNOTS², h·w)."""
    x, y = (((2 * torch.arange(side).float() + 1) / side - 1) for side in (width, height))
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


def _recoloured(images: Tensor, augmentations: Collection[str], strength: float) -> Tensor:
    """Change the values of the pixels of images (n, colours, h, w)."""

    def drawn(size: float) -> Tensor:
        return strength * size * (2 * torch.rand(len(images), 1, 1, 1).to(images) - 1)

    if "colour" in augmentations and images.shape[1] >= 3:  # others have none
        matrices = _hue_and_saturation(drawn(math.pi).flatten(), drawn(SATURATION).exp().flatten())
        colours = torch.einsum("nkc,nchw->nkhw", matrices, images[:, :3])
        images = torch.cat([colours, images[:, 3:]], dim=1)
    if "brightness" in augmentations:
        images = images + drawn(BRIGHTNESS)
    if "contrast" in augmentations:
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        images = mean + drawn(CONTRAST).exp() * (images - mean)
    if "noise" in augmentations:
        images = images + strength * NOISE * torch.randn(images.shape).to(images)
    return images


def _hue_and_saturation(angle: Tensor, factor: Tensor) -> Tensor:
    """Return matrices (n, 3, 3) that turn colours about the grey axis and stretch them off it."""
    angle, factor = angle[:, None, None], factor[:, None, None]
    grey = torch.full((3, 3), 1 / 3).to(angle)
    off = torch.eye(3).to(angle) - grey
    across = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]).to(angle) / math.sqrt(3)
    return grey + factor * (angle.cos() * off + angle.sin() * across)


def _erased(images: Tensor, strength: float) -> Tensor:
    """Set a rectangle of each image, (n, colours, h, w), to the image's mean."""
    sides, centres = strength * ERASED * torch.rand(len(images), 2), torch.rand(len(images), 2)
    inside = [
        ((torch.arange(pixels) + 0.5) / pixels - centre[:, None]).abs() < side[:, None] / 2
        for pixels, centre, side in zip(images.shape[2:], centres.T, sides.T, strict=True)
    ]
    mask = (inside[0][:, None, :, None] & inside[1][:, None, None, :]).to(images.device)
    return torch.where(mask, images.mean(dim=(2, 3), keepdim=True), images)
