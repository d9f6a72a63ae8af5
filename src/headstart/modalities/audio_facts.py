"""What a sound's file says of itself, and what can be heard of it without knowing what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from headstart.modalities.audio_read import FORMATS, Sound, open_sound, read_sound
from headstart.schema import Stretch

SILENT = -60.0
"""Decibels under full scale: a recording that is nowhere louder holds nothing."""

CLIPPED = 0.001
"""A thousandth of the samples at the limit is heard as distortion."""

LIMIT = 0.999
RUN = 3
"""As many samples in a row at the limit are no peak that just reaches it."""

MOSTLY = 0.9


def read_facts(source: Any) -> dict[str, Any]:
    """Return a sound's facts, or raise `UnreadableInput` when it cannot be read.

    Single values are what shortcuts are looked for in; `fits` and `flaws` are lists for reading.
    """
    facts: dict[str, Any] = {}
    if not isinstance(source, Sound | tuple):
        with open_sound(source) as file:
            facts |= {
                "format": file.format,
                "encoding": file.subtype,
                "rate": file.samplerate,
                "channels": file.channels,
                "fits": list(FORMATS[file.format]),
            }
        place = source.path if isinstance(source, Stretch) else source
        if not isinstance(source, Stretch):
            size = len(place) if isinstance(place, bytes) else Path(place).expanduser().stat()
            facts["bytes"] = size if isinstance(size, int) else size.st_size
    sound = read_sound(source)
    return facts | {"seconds": round(sound.seconds, 3)} | _listen(sound)


def _listen(sound: Sound) -> dict[str, Any]:
    """Return how loud a sound is, how loud what stands behind it, and what spoils it."""
    size = max(1, sound.rate // 50)
    count = max(1, len(sound.wave) // size)
    blocks = np.resize(sound.wave, (count, size))
    levels = decibels(np.sqrt(np.mean(np.square(blocks, dtype=np.float64), axis=1)))
    peak = float(np.abs(sound.wave).max())
    flaws = []
    if decibels(peak) < SILENT:
        flaws.append("nothing but silence")
    elif (share := float((levels < SILENT).mean())) > MOSTLY:
        flaws.append(f"silence {share:.0%} of the time")
    if (clipped := _clipped(sound.wave)) > CLIPPED:
        flaws.append(f"clipping at {clipped:.1%} of the samples")
    return {
        "loudness": round(
            float(decibels(np.sqrt(np.mean(np.square(sound.wave, dtype=np.float64))))), 1
        ),
        "noise floor": round(float(np.percentile(levels, 10)), 1),
        "peak": round(float(decibels(peak)), 1),
        "flaws": flaws,
    }


def decibels(amplitude: Any) -> Any:
    """Return decibels under full scale, at least -120."""
    return 20 * np.log10(np.maximum(amplitude, 1e-6))


def _clipped(wave: np.ndarray) -> float:
    """Return the share of samples that stand in runs at the largest value of the recording."""
    top = float(np.abs(wave).max())
    if top < 0.1:
        return 0.0
    at = np.abs(wave) >= LIMIT * top
    if len(at) < RUN:
        return 0.0
    runs = at[2:] & at[1:-1] & at[:-2]
    # A flat top is exactly flat or at full scale; a loud low tone is merely slow at its peak.
    flat = np.abs(wave[2:] - wave[:-2]) <= 1e-4 * top
    return float((runs & flat).mean())
