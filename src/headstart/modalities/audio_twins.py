"""Telling that two files are one recording: encoded again, louder, at another rate, in stereo.

A sketch says how loud each of 16 bands is in each of 48 equal parts of the sound, which is trimmed
of silence first, because encoders put some before it. Two sounds are twins when they last as long,
the loud places of the one are those of the other within the error that encoders make (two takes of
one word by one speaker differ by several times as much), and so is what is left of them without
each part's and each band's mean: two recordings of one hum or rain are as loud everywhere, but
flicker each in its own way.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from headstart.modalities.audio_prepare import at_rate
from headstart.modalities.audio_read import Sound

RATE = 8000
"""Sketches hear nothing above 3.6 kHz, so that a copy at 8 kHz is known again."""

FFT, HOP = 256, 32
BANDS, PARTS = 16, 48
LOWEST, HIGHEST = 100.0, 3600.0
AT_ONCE = 512
"""Frames transformed together: more of them leave the processor's cache, at twice the time."""

FLOOR = 40.0
"""Decibels under the loudest place that are told apart; fainter is silence."""

STEP = 0.2
SIZE = BANDS * PARTS + 2
TRIM = 30.0

DURATION = 0.02
DURATION_SECONDS = 0.03
FAINT = 25.0
"""Places fainter than this under the loudest one are not compared: encoders leave them out."""

CLOSE = 1.2
ANYWHERE = 6.0
"""Decibels by which twins differ: on average, and at all but 2 % of places."""


FLICKER = 0.8
"""How far what is left must be correlated."""


def sketch(sound: Sound) -> np.ndarray:
    """Return 770 bytes: how long, and how loud where."""
    wave = at_rate(sound, RATE)
    long = max(len(wave), FFT)
    wave = np.pad(wave, (FFT // 2, long - len(wave) + FFT // 2))
    power = _power(torch.from_numpy(wave))
    total = power.sum(1)
    loud = np.flatnonzero((total > 0) & (total > total.max() * 10 ** (-TRIM / 10)))
    power = power[loud[0] : loud[-1] + 1] if len(loud) else power
    places = np.linspace(0, len(power), PARTS + 1)
    sums = np.concatenate([np.zeros((1, BANDS)), np.cumsum(power, 0, dtype=np.float64)])
    # Parts end between frames: interpolated, they are the same wherever a frame happens to begin.
    below, share = np.floor(places).astype(int).clip(0, len(power) - 1), places[:, None]
    share = share - below[:, None]
    ends = sums[below] * (1 - share) + sums[below + 1] * share
    mean = np.maximum(np.diff(ends, axis=0) / (len(power) / PARTS), 1e-12)
    decibel = 10 * np.log10(mean)
    levels = np.clip((decibel - decibel.max() + FLOOR) / STEP, 0, 255) * bool(len(loud))
    seconds = len(power) * HOP / RATE
    lasting = int(np.clip(np.log(max(seconds, 1e-3) / 1e-3) * 4000, 0, 65535))
    body = np.round(levels).astype(np.uint8).reshape(-1)
    return np.concatenate([body, np.array([lasting >> 8, lasting & 255], np.uint8)])


def find_twins(sketches: np.ndarray) -> list[list[int]]:
    """Return groups of rows (two or more each) that are one recording."""
    body = sketches[:, :-2].astype(np.float32) * STEP
    left = _flicker(body)
    lasting = sketches[:, -2].astype(np.int64) * 256 + sketches[:, -1]
    seconds = 1e-3 * np.exp(lasting / 4000)
    order = np.argsort(seconds, kind="stable")
    above = list(range(len(sketches)))

    def root(at: int) -> int:
        while above[at] != at:
            above[at] = above[above[at]]
            at = above[at]
        return at

    ends = np.searchsorted(seconds[order], seconds[order] * (1 + DURATION) + DURATION_SECONDS)
    for place, row in enumerate(order):
        others = order[place + 1 : ends[place]]
        for start in range(0, len(others), 4096):
            part = others[start : start + 4096]
            same = _same(body[row], body[part]) & (left[part] @ left[row] >= FLICKER)
            for other in part[same].tolist():
                first, second = sorted((root(int(row)), root(other)))
                above[second] = first
    groups: dict[int, list[int]] = {}
    for row in range(len(sketches)):
        groups.setdefault(root(row), []).append(row)
    return sorted(group for group in groups.values() if len(group) > 1)


def _flicker(body: np.ndarray) -> np.ndarray:
    """Return what is left without each part's and each band's mean, at length one."""
    levels = np.maximum(body, FLOOR - FAINT).reshape(-1, PARTS, BANDS)
    levels -= levels.mean(1, keepdims=True)
    levels -= levels.mean(2, keepdims=True)
    flat = levels.reshape(len(body), -1)
    left: np.ndarray = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return left


def _same(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which of others are the one, by the places that are loud in either."""
    loud = np.maximum(one[None], others) > FLOOR - FAINT
    gaps = np.abs(one[None] - others) * loud
    count = np.maximum(1, loud.sum(1))
    close = gaps.sum(1) / count <= CLOSE
    # Silence is like silence, but nothing says that it is the same.
    same: np.ndarray = close & ((gaps > ANYWHERE).sum(1) <= 0.02 * count) & (one.max() > 0)
    return same


def _power(wave: torch.Tensor) -> np.ndarray:
    """Return how loud each band is in each frame; torch transforms in float32, numpy in float64."""
    filters, window = _tables()

    def bands(frames: torch.Tensor) -> torch.Tensor:
        bins = torch.fft.rfft(frames * window)
        loud: torch.Tensor = (bins.real.square() + bins.imag.square()) @ filters
        return loud

    with torch.inference_mode():
        power = torch.cat(
            [bands(frames) for frames in torch.split(wave.unfold(0, FFT, HOP), AT_ONCE)]
        )
    return np.asarray(power)


@cache
def _tables() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the filters and the window."""
    window = np.hanning(FFT).astype(np.float32)
    return torch.from_numpy(_filters().astype(np.float32)), torch.from_numpy(window)


def _filters() -> np.ndarray:
    """Return bands [bins, 16], evenly spaced in the logarithm of pitch."""
    edges = np.geomspace(LOWEST, HIGHEST, BANDS + 2)
    bins = np.arange(FFT // 2 + 1) * RATE / FFT
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters: np.ndarray = np.maximum(0, np.minimum(rise, fall))
    # Low bands are narrower than a bin is wide: each gets its nearest bin at least.
    for band in np.flatnonzero(filters.sum(0) < 0.5):
        filters[np.argmin(np.abs(bins - edges[band + 1])), band] = 1.0
    return filters
