"""Pictures of nothing, made to be as unlike each other as photographs are.

Asked about stripes and discs, a net that knows two hundred kinds of things names seven of them, and
so tells little of what it still knows. Here things lie over each other before a ground, each with
an outline, a surface with the power spectrum of natural ones, light from a side, now and then a
pattern; colours keep to a tint a picture. That makes the bundled net name some fifty.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image as Pillow

SIDE = 96
SURFACES = 6
MOST_THINGS = 40


def make_varied(seed: int) -> Pillow.Image:
    """Return one picture; the same seed gives the same one."""
    chance = np.random.Generator(np.random.PCG64(seed))
    down, across = np.mgrid[:SIDE, :SIDE]
    tint = chance.normal(0, 1, 3) * chance.uniform(5, 35)
    surfaces = [_surface(chance, tint) for _ in range(SURFACES)]
    pixels = surfaces[0] + (chance.uniform(-40, 40) * (down / SIDE - 0.5))[..., None]
    largest = chance.uniform(10, 50)
    for _ in range(round(math.exp(chance.uniform(0, math.log(MOST_THINGS))))):
        inside, x, y = _outline(chance, largest, across, down)
        light = chance.uniform(0, 50) * (x * chance.normal() + y * chance.normal())
        if chance.random() < 0.4:
            wave = np.sin((x + y) * chance.uniform(3, 20))
            light = light + chance.uniform(10, 60) * np.tanh(wave * chance.uniform(0.5, 5))
        pixels[inside] = surfaces[chance.integers(1, SURFACES)][inside] + light[:, None]
    return Pillow.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _surface(chance: np.random.Generator, tint: np.ndarray) -> np.ndarray:
    """Return a colour with grain: random phases under a power law, stretched one way."""
    colour = chance.uniform(10, 245) + tint + chance.normal(0, 1, 3) * chance.uniform(2, 40)
    stretch, power = math.exp(chance.normal(0, 0.4)), chance.uniform(0.6, 2.2)
    rows, columns = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None]
    strength = (np.hypot(rows * stretch, columns / stretch) + 1 / SIDE) ** -power
    real, imaginary = chance.normal(size=(2, *strength.shape)) * strength
    grain = np.fft.irfft2(real + 1j * imaginary, s=(SIDE, SIDE))
    grain = (grain - grain.mean()) / (grain.std() + 1e-9) * chance.uniform(0, 40)
    surface: np.ndarray = colour + grain[..., None] * (1 + chance.normal(0, 0.15, 3))
    return surface


def _outline(
    chance: np.random.Generator, largest: float, across: np.ndarray, down: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which pixels a thing covers, and where each of them lies on it.

    Between a star and a box, drawn out and turned, with a wavy rim.
    """
    size, angle = largest * chance.uniform(0.15, 1), chance.uniform(0, math.pi)
    middle = chance.uniform(0.1, 0.9, 2) * SIDE
    x, y = (across - middle[0]) / size, (down - middle[1]) / size
    x, y = (
        (y * math.cos(angle) + x * math.sin(angle)) * math.exp(chance.uniform(0, 1.4)),
        x * math.cos(angle) - y * math.sin(angle),
    )
    power = math.exp(chance.uniform(math.log(0.7), math.log(8)))
    rim = chance.uniform(0, 0.25) * np.sin(int(chance.integers(2, 7)) * np.arctan2(y, x))
    inside = np.abs(x) ** power + np.abs(y) ** power < 1 + rim
    return inside, x[inside], y[inside]
