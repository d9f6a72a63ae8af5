"""Augmentation in batches, on whatever device the pictures are on.

Pictures go in as uint8 (n, 3, h, w) and come out as float32 in 0..1 until `normalise`.
Everything is drawn per picture, without a loop and without waiting for the device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Strength:
    """How far views may stray: probabilities unless said otherwise."""

    area: tuple[float, float] = (0.25, 1.0)  # share of the picture that a crop shows
    rotate: float = 12.0  # degrees, for a third of the views
    jitter: float = 0.4  # brightness, contrast and saturation, as a factor's half-width
    grey: float = 0.15
    invert: float = 0.04
    filtered: float = 0.35  # blurred or sharpened
    coarse: float = 0.12  # as if photographed at half the size
    erase: float = 0.2


STRONG = Strength()
MILD = Strength(area=(0.4, 1.0), jitter=0.25, grey=0.0, invert=0.0, filtered=0.2, coarse=0.0,
                erase=0.1)  # fmt: skip
CLEAN = Strength(area=(0.6, 1.0), rotate=0.0, jitter=0.1, grey=0.1, invert=0.0, filtered=0.0,
                 coarse=0.0, erase=0.0)  # fmt: skip


def chance(n: int, probability: float, like: Tensor) -> Tensor:
    """Per-picture coin flips, shaped to broadcast over (n, 3, h, w)."""
    return torch.rand(n, 1, 1, 1, device=like.device) < probability


def uniform(n: int, low: float, high: float, like: Tensor) -> Tensor:
    return torch.rand(n, device=like.device) * (high - low) + low


def crop(images: Tensor, size: int, strength: Strength) -> Tensor:
    """Random resized crop, flip and slight turn in a single resampling."""
    n = images.shape[0]
    area = uniform(n, *strength.area, images)
    ratio = torch.exp(uniform(n, -math.log(4 / 3), math.log(4 / 3), images))
    width = torch.sqrt(area * ratio).clamp(max=1.0)
    height = torch.sqrt(area / ratio).clamp(max=1.0)
    left = uniform(n, -1, 1, images) * (1 - width)
    top = uniform(n, -1, 1, images) * (1 - height)
    flip = (torch.rand(n, device=images.device) < 0.5).float() * 2 - 1
    turned = (torch.rand(n, device=images.device) < 1 / 3).float()
    angle = turned * uniform(n, -1, 1, images) * math.radians(strength.rotate)
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = [width * cos * flip, -height * sin, left, width * sin * flip, height * cos, top]
    theta = torch.stack(rows, 1).view(n, 2, 3)
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    source = images.float() / 255
    return F.grid_sample(source, grid, padding_mode="reflection", align_corners=False)


def recolour(x: Tensor, strength: Strength) -> Tensor:
    """Saturation, channel gains, greyscale, contrast, brightness, inversion."""
    n, j = x.shape[0], strength.jitter
    luma = torch.tensor(LUMA, device=x.device).expand(3, 3)
    saturation = uniform(n, 1 - j, 1 + j, x).view(n, 1, 1)
    saturation = torch.where(chance(n, strength.grey, x).view(n, 1, 1), 0.0, saturation)
    matrix = saturation * torch.eye(3, device=x.device) + (1 - saturation) * luma
    gains = 1 + (torch.rand(n, 3, 1, device=x.device) - 0.5) * j * (saturation != 0)
    x = torch.bmm(matrix * gains, x.flatten(2)).view_as(x)
    centre = x.mean((1, 2, 3), keepdim=True)
    contrast = uniform(n, 1 - j, 1 + j, x).view(n, 1, 1, 1)
    shift = uniform(n, -j / 2, j / 2, x).view(n, 1, 1, 1)
    x = ((x - centre) * contrast + centre * (1 + shift)).clamp(0, 1)
    return torch.where(chance(n, strength.invert, x), 1 - x, x)


def refocus(x: Tensor, strength: Strength) -> Tensor:
    """Blur or sharpen: upsampled 64 px crops are soft, a user's photos are crisp."""
    n = x.shape[0]
    if strength.filtered:
        amount = uniform(n, -1.0, 1.5, x).view(n, 1, 1, 1) * chance(n, strength.filtered, x)
        soft = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        x = (x + amount * (x - soft)).clamp(0, 1)
    if strength.coarse:
        small = F.interpolate(F.avg_pool2d(x, 2), size=x.shape[-2:], mode="bilinear")
        x = torch.where(chance(n, strength.coarse, x), small, x)
    return x


def boxes(x: Tensor, area: Tensor) -> Tensor:
    """Per-picture boolean masks (n, 1, h, w) of boxes that cover about `area` (n,)."""
    n, _, height, width = x.shape
    side = torch.sqrt(area).view(n, 1, 1)
    row = torch.rand(n, 1, 1, device=x.device)
    column = torch.rand(n, 1, 1, device=x.device)
    ys = ((torch.arange(height, device=x.device) + 0.5) / height).view(1, height, 1)
    xs = ((torch.arange(width, device=x.device) + 0.5) / width).view(1, 1, width)
    inside = ((ys - row).abs() < side / 2) & ((xs - column).abs() < side / 2)
    return inside.unsqueeze(1)


def views(images: Tensor, size: int, strength: Strength = STRONG) -> Tensor:
    """One random view of every picture."""
    x = refocus(recolour(crop(images, size, strength), strength), strength)
    n = x.shape[0]
    if strength.erase:
        hole = boxes(x, uniform(n, 0.02, 0.25, x)) & chance(n, strength.erase, x)
        x = torch.where(hole, torch.rand(n, 3, 1, 1, device=x.device), x)
    return x


@dataclass
class Mixture:
    """Which picture each one is mixed with, where, and how much of itself is left."""

    partner: Tensor
    weight: Tensor  # (n, 1, h, w), 1 where the picture itself is seen
    share: Tensor  # (n,)

    def apply(self, x: Tensor) -> Tensor:
        return x * self.weight + x[self.partner] * (1 - self.weight)


def draw_mixture(x: Tensor, kind: str) -> Mixture:
    """`blend` adds two pictures (mixup), `paste` puts a box of one on the other (cutmix)."""
    n = x.shape[0]
    partner = torch.randperm(n, device=x.device)
    if kind == "paste":
        weight = (~boxes(x, uniform(n, 0.05, 0.7, x))).float()
    elif kind == "blend":
        weight = uniform(n, 0.4, 1.0, x).view(n, 1, 1, 1)
    else:
        weight = torch.ones(n, 1, 1, 1, device=x.device)
    return Mixture(partner, weight, weight.mean((1, 2, 3)))


def resize(x: Tensor, size: int) -> Tensor:
    if x.shape[-1] == size:
        return x
    return F.interpolate(x, size=(size, size), mode="bilinear", antialias=True).clamp(0, 1)


def normalise(x: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """To what the net reads, channels last."""
    centre = torch.tensor(mean, device=x.device).view(1, 3, 1, 1)
    scale = torch.tensor(std, device=x.device).view(1, 3, 1, 1)
    return ((x - centre) / scale).contiguous(memory_format=torch.channels_last)
