"""Pictures that nobody took: noise, contours, cells, shapes, strokes and fractals.

Photos of things teach nothing about line drawings, scans or glyphs. These pictures stand in for
them: they have no labels and are used where none are needed (telling views apart, distilling).
Each family makes a scalar field per picture; colours are laid on afterwards.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SIZE = 64


def grid(device: torch.device) -> tuple[Tensor, Tensor]:
    axis = torch.linspace(-1, 1, SIZE, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


def rescale(field: Tensor) -> Tensor:
    """Every field to 0..1."""
    low, high = field.amin((1, 2), keepdim=True), field.amax((1, 2), keepdim=True)
    return (field - low) / (high - low + 1e-6)


def noise(n: int, device: torch.device) -> Tensor:
    """Random phases under a power law: clouds, grain, bands."""
    fy = torch.fft.fftfreq(SIZE, device=device).view(1, SIZE, 1)
    fx = torch.fft.rfftfreq(SIZE, device=device).view(1, 1, -1)
    stretch = torch.exp(torch.randn(n, 1, 1, device=device) * 0.5)
    radius = torch.sqrt((fy * stretch) ** 2 + (fx / stretch) ** 2) + 1 / SIZE
    power = torch.rand(n, 1, 1, device=device) * 2.2 + 0.6
    spectrum = torch.randn(n, SIZE, SIZE // 2 + 1, 2, device=device) * (radius**-power)[..., None]
    return rescale(torch.fft.irfft2(torch.view_as_complex(spectrum), s=(SIZE, SIZE)))


def contours(n: int, device: torch.device) -> Tensor:
    """Level lines or flat patches of smooth noise, as on maps and in marbled paper."""
    field = noise(n, device)
    field = F.avg_pool2d(field[:, None], 5, 1, 2, count_include_pad=False)[:, 0]
    waves = torch.rand(n, 1, 1, device=device) * 8 + 2
    levels = torch.cos(rescale(field) * waves * math.tau)
    sharp = torch.rand(n, 1, 1, device=device) * 10 + 1
    return torch.sigmoid(levels * sharp)


def gratings(n: int, device: torch.device) -> Tensor:
    """Two crossed waves, bent by noise: stripes, checks, weaves."""
    x, y = grid(device)
    field = torch.zeros(n, SIZE, SIZE, device=device)
    bend = noise(n, device) * torch.rand(n, 1, 1, device=device)
    for wave in range(2):
        angle = torch.rand(n, 1, 1, device=device) * math.tau
        rate = torch.exp(torch.rand(n, 1, 1, device=device) * 2) * 3
        turn = torch.cos(angle) * x + torch.sin(angle) * y + bend
        part = torch.sigmoid(torch.sin(turn * rate) * 5)
        field = part if wave == 0 else torch.where(angle < math.pi, field + part, field * part)
    return rescale(field)


def cells(n: int, device: torch.device) -> Tensor:
    """Distance to random seeds: tissue, bubbles, cracked earth."""
    x, y = grid(device)
    seeds = torch.rand(n, 24, 2, device=device) * 2.4 - 1.2
    # Seeds sent far away leave fewer, larger cells in some pictures.
    seeds = seeds + 9 * (torch.rand(n, 24, 1, device=device) < torch.rand(n, 1, 1, device=device))
    seeds[:, :3] = torch.rand(n, 3, 2, device=device) * 2 - 1
    dx = x[None, None] - seeds[..., 0, None, None]
    dy = y[None, None] - seeds[..., 1, None, None]
    near = torch.sqrt(dx**2 + dy**2).topk(2, dim=1, largest=False).values
    edge = torch.sigmoid((near[:, 1] - near[:, 0] - 0.05) * 40)
    blobs = torch.sigmoid((0.1 + 0.2 * torch.rand(n, 1, 1, device=device) - near[:, 0]) * 30)
    pick = torch.randint(0, 3, (n, 1, 1), device=device)
    return torch.where(pick == 0, edge, torch.where(pick == 1, blobs, rescale(near[:, 0])))


def shapes(n: int, device: torch.device) -> Tensor:
    """Ovals, stars, petals and polygons painted over each other, filled or outlined."""
    x, y = grid(device)
    field = noise(n, device) * torch.rand(n, 1, 1, device=device) * 0.3
    for _ in range(6):
        draw = torch.rand(10, n, 1, 1, device=device)
        px, py = x - (draw[0] * 1.6 - 0.8), y - (draw[1] * 1.6 - 0.8)
        angle = draw[2] * math.tau
        u = (torch.cos(angle) * px + torch.sin(angle) * py) * torch.exp(draw[3] - 0.5)
        v = (torch.cos(angle) * py - torch.sin(angle) * px) * torch.exp(0.5 - draw[3])
        corners = torch.floor(draw[4] * 6) + 2
        lobes = 1 + (draw[5] - 0.3).clamp(min=0) * torch.cos(torch.atan2(v, u) * corners)
        inside = (0.12 + draw[6] * 0.5) * lobes - torch.sqrt(u**2 + v**2 + 1e-6)
        fill = torch.sigmoid(inside * 60)
        line = torch.sigmoid((0.04 - inside.abs()) * 80)
        mask = torch.where(draw[7] < 0.6, fill, line) * (draw[8] < 0.75)
        field = field * (1 - mask) + draw[9] * mask
    return field


def strokes(n: int, device: torch.device) -> Tensor:
    """A few curved pen strokes: glyphs, scribbles, wires."""
    x, y = grid(device)
    t = torch.linspace(0, 1, 20, device=device).view(1, 1, 20, 1)
    knots = torch.rand(n, 4, 3, 1, 2, device=device) * 1.7 - 0.85
    curve = (1 - t) ** 2 * knots[:, :, 0] + 2 * t * (1 - t) * knots[:, :, 1] + t**2 * knots[:, :, 2]
    absent = torch.rand(n, 4, 1, 1, device=device) < 0.35
    absent[:, 0] = False
    points = (curve + 9 * absent).flatten(1, 2)
    pixels = torch.stack([x.flatten(), y.flatten()], 1).expand(n, -1, -1)
    distance = torch.cdist(pixels, points).amin(2).view(n, SIZE, SIZE)
    pen = torch.rand(n, 1, 1, device=device) * 0.1 + 0.04
    return torch.sigmoid((pen - distance) * 50)


def fractals(n: int, device: torch.device) -> Tensor:
    """Attractors of random contractions, by letting many points play the chaos game at once."""
    maps, points, rounds = 4, 1500, 24
    matrix = torch.randn(n, maps, 2, 2, device=device)
    norm = torch.linalg.matrix_norm(matrix, keepdim=True)
    matrix = matrix / norm * (torch.rand(n, maps, 1, 1, device=device) * 0.5 + 0.45)
    shift = torch.rand(n, maps, 2, device=device) * 2 - 1
    row = torch.arange(n, device=device).view(n, 1).expand(n, points)
    place = torch.rand(n, points, 2, device=device) * 2 - 1
    count = torch.zeros(n * SIZE * SIZE, device=device)
    low = high = place[:, :1]
    for turn in range(rounds):
        pick = torch.randint(0, maps, (n, points), device=device)
        moved = torch.matmul(matrix[row, pick], place[..., None])[..., 0]
        place = moved + shift[row, pick]
        if turn == 8:
            low, high = place.amin(1, keepdim=True) - 0.05, place.amax(1, keepdim=True) + 0.05
        if turn > 8:
            spot = ((place - low) / (high - low) * SIZE).long().clamp(0, SIZE - 1)
            index = (row * SIZE + spot[..., 1]) * SIZE + spot[..., 0]
            count.index_add_(0, index.flatten(), torch.ones(n * points, device=device))
    return rescale(torch.log1p(count.view(n, SIZE, SIZE)))


def paint(field: Tensor) -> Tensor:
    """A field to (n, 3, h, w): greyscale, light or dark, for half; a three-colour ramp else."""
    n, device = field.shape[0], field.device
    value = field[:, None]
    value = torch.where(torch.rand(n, 1, 1, 1, device=device) < 0.3, 1 - value, value)
    low, middle, high = torch.rand(3, n, 3, 1, 1, device=device)
    ramp = torch.where(
        value < 0.5,
        low + (middle - low) * value * 2,
        middle + (high - middle) * (value * 2 - 1),
    )
    grey = torch.rand(n, 1, 1, 1, device=device) < 0.5
    x = torch.where(grey, value.expand(n, 3, -1, -1), ramp)
    x = x + torch.randn_like(x) * torch.rand(n, 1, 1, 1, device=device) * 0.06
    return (x.clamp(0, 1) * 255).to(torch.uint8)


FAMILIES = (noise, contours, gratings, cells, shapes, strokes, fractals)


@torch.no_grad()
def make_pictures(count: int, device: torch.device, chunk: int = 96) -> Tensor:
    """`count` pictures, uint8 (count, 3, 64, 64); a third of them multiply two families."""
    parts: list[Tensor] = []
    made = 0
    while made < count:
        turn = len(parts)
        field = FAMILIES[turn % len(FAMILIES)](chunk, device)
        if turn % 3 == 2:
            other = FAMILIES[(turn // 3) % len(FAMILIES)](chunk, device)
            field = rescale(field * (0.3 + other))
        parts.append(paint(field))
        made += chunk
    mixed = torch.cat(parts)[torch.randperm(made, device=device)]
    return mixed[:count].contiguous()
