"""Sounds: speech, music, machines, birds; from files, parts of files, bytes or samples."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.modalities.audio_facts import read_facts
from headstart.modalities.audio_prepare import BLOCK, at_rate, audio_spec, collate, cut, in_blocks
from headstart.modalities.audio_read import FORMATS, STARTS, Sound, fingerprint, read_sound
from headstart.modalities.audio_show import show
from headstart.modalities.audio_twins import find_twins, sketch
from headstart.modalities.audio_views import make_view
from headstart.modalities.base import Arrays, State
from headstart.schema import InputSpec, Stretch


class Audio:
    """The audio modality. A decoded input is a `Sound`: mono samples and their rate."""

    name = "audio"
    inline = False
    timed = True
    suffixes = frozenset(suffix for endings in FORMATS.values() for suffix in endings)

    def accepts(self, source: Any) -> bool:
        """Tell whether `source` could be a sound, by its ending or its type."""
        if isinstance(source, str | os.PathLike):
            return Path(source).suffix.lower() in self.suffixes
        if isinstance(source, tuple):
            return len(source) == 2 and hasattr(source[0], "dtype") and isinstance(source[1], int)
        if isinstance(source, bytes):
            return source.startswith(STARTS)
        return isinstance(source, Sound | Stretch)

    def fingerprint(self, source: Any) -> str:
        """Return a hash of the file's bytes and of which part is meant, or of the samples."""
        return fingerprint(source)

    def read(self, source: Any) -> Sound:
        """Decode a sound, or raise `UnreadableInput` saying why it cannot be."""
        return read_sound(source)

    def prepare(self, raw: Any, spec: InputSpec) -> Arrays:
        """Resample to the checkpoint's rate and return the first window, in blocks of samples."""
        return self.windows(raw, spec)[0]

    def windows(self, raw: Any, spec: InputSpec) -> list[Arrays]:
        """Return a sound in as few windows as cover it."""
        asked = audio_spec(spec)
        return [in_blocks(wave, asked) for wave in cut(at_rate(raw, asked.rate), asked)]

    def view(self, raw: Any, spec: InputSpec, key: str, number: int) -> Arrays:
        """Return augmentation view `number`; of a long sound, a window that is drawn anew."""
        asked = audio_spec(spec)
        wave = at_rate(raw, asked.rate)
        return in_blocks(make_view(wave, asked.rate, asked.window * BLOCK, key, number), asked)

    def mirror(self, example: Arrays) -> None:
        """Return None: a sound played backwards is another."""

    def collate(self, examples: Sequence[Arrays], spec: InputSpec) -> State:
        """Return a batch as the checkpoint expects it: samples, or log-mel frames made of them."""
        return collate(examples, audio_spec(spec))

    def sketch(self, raw: Any) -> np.ndarray:
        """Return 770 bytes by which `twins` knows a sound again."""
        return sketch(raw)

    def twins(self, sketches: np.ndarray) -> list[list[int]]:
        """Return the groups of rows that are one recording: encoded again, louder, resampled."""
        return find_twins(sketches)

    def facts(self, source: Any) -> dict[str, Any]:
        """Return what the file says of itself, how loud it is, and what spoils it."""
        return read_facts(source)

    def show(self, raw: Any) -> dict[str, str]:
        """Return at most ten seconds to play, and their spectrogram."""
        return show(raw)

    def golden(self, spec: InputSpec, seed: int, count: int) -> list[Sound]:
        """Make sounds by whole-number arithmetic, so that every machine makes the same ones."""
        return [_make(seed * 1009 + number, audio_spec(spec).rate) for number in range(count)]

    def varied(self, spec: InputSpec, seed: int, count: int) -> list[Sound]:
        """Make the same sort of sounds: no two of them are of the same tones."""
        return self.golden(spec, seed, count)


def _make(seed: int, rate: int) -> Sound:
    """Return a second or so of a few gliding tones and clicks that the seed decides."""
    state = (seed * 2654435761 + 12345) % 2**32

    def choose(least: int, most: int) -> int:
        nonlocal state
        state = (state * 1664525 + 1013904223) % 2**32
        return least + (state >> 16) % (most - least + 1)

    count = rate * choose(60, 160) // 100
    at = np.arange(count, dtype=np.int64)
    wave = np.zeros(count, np.int64)
    for _ in range(choose(2, 4)):
        # The phase counts in 65536ths of a turn and grows faster or slower along the way.
        turns = at * choose(80, 1600) * 65536 // rate
        turns += at * at // rate * choose(-300, 300) * 65536 // (2 * rate)
        tone = np.abs(turns % 65536 - 32768) - 16384  # a triangle wave has no jump
        wave += tone * choose(1, 8) // 8
    wave[choose(0, count - 1)] += 30000
    return Sound((wave / 131072).astype(np.float32), rate, count / rate)
