"""Augmentation views of sounds: shifted in time, louder or softer, with noise, partly hidden.

A view is a pure function of the sound, its sample's key and the view's number. Hiding a stretch of
time and a band of pitch is SpecAugment (Park et al. 2019, arXiv:1904.08779), done on the samples,
so that it works whatever a backbone makes of them.
"""

from __future__ import annotations

import hashlib

import numpy as np

SHIFT = 0.1
"""At most this share of a sound is cut from an end, or put before it as silence."""

GAIN = 6.0
NOISE = (10.0, 40.0)
HIDDEN_TIME = 0.12
HIDDEN_OCTAVES = 0.7


def make_view(wave: np.ndarray, rate: int, most: int, key: str, number: int) -> np.ndarray:
    """Return view `number` of a sound at `rate`, of at most `most` samples."""
    seed = hashlib.sha256(f"{key}\n{number}".encode()).digest()
    chance = np.random.Generator(np.random.PCG64(int.from_bytes(seed[:16], "little")))
    if len(wave) > most:
        start = int(chance.integers(len(wave) - most + 1))
        wave = wave[start : start + most]
    view = _shift(wave, chance)[:most] * np.float32(10 ** (chance.uniform(-GAIN, GAIN) / 20))
    if chance.random() < 0.5:
        view = _hide_band(view, rate, chance)
    if chance.random() < 0.5:
        view = _hide_time(view, chance)
    if chance.random() < 0.5:
        view = _add_noise(view, chance)
    return view.astype(np.float32)


def _shift(wave: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    by = int(chance.uniform(-SHIFT, SHIFT) * len(wave))
    if by >= 0:
        return np.concatenate([np.zeros(by, np.float32), wave[: len(wave) - by]])
    return np.concatenate([wave[-by:], np.zeros(-by, np.float32)])


def _hide_time(wave: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    long = int(chance.uniform(0, HIDDEN_TIME) * len(wave))
    start = int(chance.integers(len(wave) - long + 1))
    hidden = wave.copy()
    hidden[start : start + long] = 0
    return hidden


def _hide_band(wave: np.ndarray, rate: int, chance: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(len(wave), 1 / rate)
    low = 100 * (rate / 2 / 100) ** chance.uniform(0, 1)
    high = low * 2 ** chance.uniform(0, HIDDEN_OCTAVES)
    spectrum[(hertz >= low) & (hertz < high)] = 0
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)


def _add_noise(wave: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    loud = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
    below = 10 ** (-chance.uniform(*NOISE) / 20)
    noisy: np.ndarray = wave + chance.normal(0, loud * below, len(wave)).astype(np.float32)
    return noisy
