"""Which pictures show the same thing: re-encoded, resized, a little brighter, but the same shot.

A sketch is a thumbnail of 32 x 32 grey levels, the colour of 8 x 8 parts, and the shape. Two
pictures are twins when one thumbnail is the other times a gain plus an offset, to within the noise
that JPEG and resizing leave. Look-alikes (cells, garments, neighbouring slices of a scan) differ by
more than that noise, so nothing is merged on likeness alone. A mirrored picture is another example
and no twin.

Measured (tests/modalities/test_image_twins.py asserts it): stored again as JPEG at quality 50 or
90, at half or double size, or 5 % brighter or darker, more than 98 % of photos, flowers, brain
scans, X-rays and blood cells are found. Of pictures of 28 x 28 pixels only those at quality 90 or
in another light are found: the rest have lost what tells them from look-alikes. Every pair that is
merged in ants_bees, flowers5, blood_cells, fashion900, chest_xray and brain_mri was looked at: all
59 pairs are in brain_mri and show one scan; none is false.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

SIDE = 32
COARSE = 8
LUMA = SIDE * SIDE
CHROMA = COARSE * COARSE * 2
WIDTH = LUMA + CHROMA + 1

# Limits on what a second encoding may change. In units of the picture's own contrast (`RELATIVE`)
# because resizing and JPEG scale with it, or of grey levels (`ABSOLUTE`) for faint pictures.
RELATIVE = 0.08
RELATIVE_FAINT = 0.16
ABSOLUTE = 2.0
ANYWHERE = 14.0
COLOUR = 4.0
GAIN = 1.25
OFFSET = 24.0
SHAPE = 2

# Looser limits on 8 x 8 parts, by which the few candidates are found among all pairs.
COARSE_RELATIVE = 0.11
COARSE_ABSOLUTE = 1.5
FLAT = 1.5
FLAT_STEP = 4

ROWS, COLUMNS, PAIRS = 1024, 8192, 4096


def sketch(image: Pillow.Image) -> np.ndarray:
    """Return the sketch of an RGB picture: 1,153 bytes."""
    # Triangle-shaped weights, because a box lands on different pixels once a picture was resized.
    small = image.resize((SIDE, SIDE), Pillow.Resampling.BILINEAR, reducing_gap=3.0)
    pixels = np.asarray(small, np.float32)
    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    step = SIDE // COARSE
    parts = pixels.reshape(COARSE, step, COARSE, step, 3).mean((1, 3))
    chroma = (parts[:, :, [0, 2]] - parts[:, :, [1]]) / 2 + 128
    shape = 128 + 24 * np.log2(image.width / image.height)
    values = np.concatenate([luma.ravel(), chroma.ravel(), [shape]])
    rounded: np.ndarray = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


def find_twins(sketches: np.ndarray) -> list[list[int]]:
    """Return the groups of rows that show the same thing, each in order, by first member."""
    if len(sketches) < 2:
        return []
    rows = np.ascontiguousarray(sketches, np.uint8)
    # Equal rows are joined first: thousands of copies would otherwise make millions of pairs.
    firsts: dict[bytes, int] = {}
    positions = [firsts.setdefault(hashlib.sha256(row).digest(), len(firsts)) for row in rows]
    distinct = rows
    if len(firsts) < len(rows):
        distinct = rows[np.unique(positions, return_index=True)[1]]
    links = _Links(len(distinct))
    coarse = _Coarse.of(distinct)
    for left, right in _candidates(coarse):
        for start in range(0, len(left), PAIRS):
            one, other = left[start : start + PAIRS], right[start : start + PAIRS]
            same = _verify(distinct[one], distinct[other])
            for first, second in zip(one[same].tolist(), other[same].tolist(), strict=True):
                links.join(first, second)
    for first, second in _flat_pairs(distinct, coarse.flat):
        links.join(first, second)
    groups: dict[int, list[int]] = {}
    for row, position in enumerate(positions):
        groups.setdefault(links.root(position), []).append(row)
    return sorted(group for group in groups.values() if len(group) > 1)


@dataclass(frozen=True)
class _Coarse:
    """What is known of each sketch at once, by which nearly all pairs are ruled out.

    `directions` are the 8 x 8 grey parts, centred and of length one; `flat` has too little contrast
    for that. `level` and `spread` are the mean grey and its deviation, `shape` the aspect.
    """

    directions: np.ndarray
    least_likeness: np.ndarray
    flat: np.ndarray
    level: np.ndarray
    spread: np.ndarray
    shape: np.ndarray

    @staticmethod
    def of(rows: np.ndarray) -> _Coarse:
        step = SIDE // COARSE
        parts = np.empty((len(rows), COARSE * COARSE), np.float32)
        level, spread = np.empty(len(rows), np.float32), np.empty(len(rows), np.float32)
        for start in range(0, len(rows), PAIRS):
            part = slice(start, start + PAIRS)
            luma = rows[part, :LUMA].astype(np.float32)
            level[part], spread[part] = luma.mean(1), np.maximum(luma.std(1), 1e-3)
            squares = luma.reshape(-1, COARSE, step, COARSE, step)
            parts[part] = squares.mean((2, 4)).reshape(len(luma), -1)
        parts -= parts.mean(1, keepdims=True)
        contrast = parts.std(1)
        directions = parts / np.maximum(np.linalg.norm(parts, axis=1, keepdims=True), 1e-6)
        allowed = np.maximum(COARSE_RELATIVE, COARSE_ABSOLUTE / np.maximum(contrast, FLAT))
        least = np.sqrt(1 - np.minimum(allowed, 0.99) ** 2)
        shape = rows[:, -1].astype(np.int16)
        return _Coarse(directions, least, contrast < FLAT, level, spread, shape)

    def agree(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Tell which pairs agree in light, contrast and shape."""
        ratio = self.spread[one] / self.spread[other]
        fits: np.ndarray = (
            (np.abs(self.level[one] - self.level[other]) <= OFFSET)
            & (np.maximum(ratio, 1 / ratio) <= GAIN)
            & (np.abs(self.shape[one] - self.shape[other]) <= SHAPE)
        )
        return fits


def _candidates(coarse: _Coarse) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs whose parts go together, block by block, so that memory stays bounded."""
    rows = np.flatnonzero(~coarse.flat)
    directions, least = coarse.directions[rows], coarse.least_likeness[rows]
    for top in range(0, len(rows), ROWS):
        block = directions[top : top + ROWS]
        for left in range(top, len(rows), COLUMNS):
            likeness = block @ directions[left : left + COLUMNS].T
            one, other = np.nonzero(likeness >= least[top : top + ROWS, None])
            later = other + left > one + top
            first, second = rows[one[later] + top], rows[other[later] + left]
            fits = coarse.agree(first, second)
            yield first[fits], second[fits]


def _verify(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Tell for each pair of sketches whether the one is the other encoded again."""
    first, second = (rows[:, :LUMA].astype(np.float32) for rows in (one, other))
    first -= first.mean(1, keepdims=True)
    second -= second.mean(1, keepdims=True)
    power_first, power_second, shared = (
        np.einsum("ij,ij->i", left, right)
        for left, right in ((first, first), (second, second), (first, second))
    )
    power_first, power_second = np.maximum(power_first, 1e-3), np.maximum(power_second, 1e-3)
    # What the one leaves unexplained of the other after the best gain and offset.
    relative = np.sqrt(np.clip(1 - shared**2 / (power_first * power_second), 0, 1))
    noise = relative * np.sqrt(power_second / LUMA)
    faint = (relative <= RELATIVE_FAINT) & (noise <= ABSOLUTE)
    same: np.ndarray = ((relative <= RELATIVE) | faint) & (shared > 0)
    rows = np.flatnonzero(same)
    gain = (shared[rows] / power_first[rows])[:, None]
    worst = np.abs(second[rows] - gain * first[rows]).max(1, initial=0)
    chroma = np.abs(one[rows, LUMA:-1].astype(np.int16) - other[rows, LUMA:-1]).mean(1)
    same[rows] = (worst <= ANYWHERE) & (chroma <= COLOUR)
    return same


def _flat_pairs(rows: np.ndarray, flat: np.ndarray) -> Iterator[tuple[int, int]]:
    """Pair pictures without large-scale contrast when every value of their sketches is close.

    What little they show has no direction to compare, so they must agree outright. They are
    sorted into cells by their mean level and compared with the first few of their cell.
    """
    cells: dict[tuple[int, ...], list[int]] = {}
    for row in np.flatnonzero(flat).tolist():
        luma, chroma = rows[row, :LUMA], rows[row, LUMA : LUMA + CHROMA]
        means = (luma.mean(), chroma[0::2].mean(), chroma[1::2].mean())
        cell = cells.setdefault(tuple(int(mean / FLAT_STEP) for mean in means), [])
        for other in cell:
            gap = np.abs(rows[row].astype(np.int16) - rows[other])
            if gap[:LUMA].mean() <= 1 and gap[:LUMA].max() <= 4 and gap[LUMA:].max() <= 2:
                yield other, row
                break
        else:
            if len(cell) < 64:
                cell.append(row)


class _Links:
    """Sets that grow together as pairs are joined (union-find)."""

    def __init__(self, size: int) -> None:
        self._above = list(range(size))

    def root(self, item: int) -> int:
        while self._above[item] != item:
            self._above[item] = self._above[self._above[item]]
            item = self._above[item]
        return item

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.root(one), self.root(other)))
        self._above[second] = first
