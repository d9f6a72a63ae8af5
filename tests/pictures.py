"""Small pictures made from a seed: classes that a random net's features already tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 60, 50), "green": (60, 170, 70), "blue": (60, 80, 200)}


def draw(label: str, seed: int, size: int = 40) -> Image.Image:
    """Draw one picture: a disc of the class's colour over noise."""
    chance = np.random.default_rng([seed, *label.encode()])
    pixels = chance.integers(60, 200, (size, size, 3)).astype(np.float32)
    rows, columns = np.mgrid[:size, :size]
    middle = chance.uniform(0.35, 0.65, 2) * size
    inside = (rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 < (0.3 * size) ** 2
    pixels[inside] = np.array(COLOURS[label]) + chance.normal(0, 25, (int(inside.sum()), 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def make_folder(
    folder: Path, per_class: int = 12, labels: tuple[str, ...] = ("red", "blue"), start: int = 0
) -> Path:
    """Write a folder per class with so many pictures in each."""
    for label in labels:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(start, start + per_class):
            draw(label, number).save(folder / label / f"{number}.png")
    return folder
