"""A recording from its beginning to its end, in windows that overlap, however long it is.

A long file is read window by window, so that three hours take no more memory than a minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headstart.modalities.audio_prepare import BLOCK, at_rate, audio_spec, in_blocks
from headstart.modalities.audio_read import Sound, open_sound, read_sound
from headstart.modalities.base import Arrays
from headstart.schema import AudioSpec, InputSpec, Stretch

SHARED = 6
"""A window shares a sixth with the next: what is said at one's edge stands whole in the other."""


@dataclass(frozen=True)
class Heard:
    """A window as it is prepared for a backbone, and where it stands in seconds."""

    start: float
    end: float
    arrays: Arrays


def seconds_of(source: Any) -> float:
    """Return how long a recording is, as its header says, or raise `UnreadableInput`."""
    if isinstance(source, Sound):
        return len(source.wave) / source.rate
    if isinstance(source, tuple):
        return len(source[0]) / int(source[1])
    with open_sound(source) as file:
        whole = file.frames / file.samplerate
    if isinstance(source, Stretch):
        end = whole if source.end is None else min(source.end, whole)
        return float(max(0.0, end - source.start))
    return float(whole)


def longest(spec: InputSpec) -> float:
    """Return how many seconds a backbone hears at once."""
    asked = audio_spec(spec)
    return asked.window * BLOCK / asked.rate


def window_starts(seconds: float, most: float) -> list[float]:
    """Return where windows of `most` seconds begin: as few as cover a recording and overlap."""
    shared = most / SHARED
    count = math.ceil((seconds - shared) / (most - shared) - 1e-9)
    if seconds <= most or count <= 1:
        return [0.0]
    return [(seconds - most) * at / (count - 1) for at in range(count)]


def listen(source: Any, spec: InputSpec) -> Iterator[Heard]:
    """Yield a recording's windows in order, or raise `UnreadableInput`."""
    asked, most = audio_spec(spec), longest(spec)
    seconds = seconds_of(source)
    if seconds <= most:
        yield _heard(read_sound(source), 0.0, asked)
        return
    for start in window_starts(seconds, most):
        yield _heard(_part(source, start, start + most), start, asked)


def _part(source: Any, start: float, end: float) -> Sound:
    """Read nothing but a part: of the whole of a long recording, only stretches would be read."""
    if isinstance(source, Sound):
        source = source.wave, source.rate
    if isinstance(source, tuple):
        samples, rate = source
        return read_sound((samples[round(start * rate) : round(end * rate)], rate))
    if isinstance(source, Stretch):
        return read_sound(replace(source, start=source.start + start, end=source.start + end))
    return read_sound(Stretch(source if isinstance(source, bytes) else Path(source), start, end))


def _heard(sound: Sound, start: float, spec: AudioSpec) -> Heard:
    wave = at_rate(sound, spec.rate)[: spec.window * BLOCK]
    return Heard(start, start + len(wave) / spec.rate, in_blocks(wave, spec))
