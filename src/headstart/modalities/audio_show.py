"""A sound for the report: the clip itself to play, and its spectrogram to look at."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image as Pillow

from headstart.modalities.audio_prepare import at_rate
from headstart.modalities.audio_read import Sound, codecs

RATE = 16_000
SECONDS = 10.0
"""A longer clip is cut: a report is a page, not an archive."""

FFT, WIDTH, HEIGHT = 512, 240, 96
RANGE = 70.0
CHUNK = 16_000


def show(sound: Sound) -> dict[str, str]:
    """Return a clip of at most ten seconds as Ogg Vorbis, and its spectrogram as a PNG."""
    wave = at_rate(sound, RATE)[: int(SECONDS * RATE)]
    return {
        "kind": "sound",
        "mime": "audio/ogg",
        "data": base64.b64encode(_encode(wave)).decode("ascii"),
        "picture": base64.b64encode(_draw(wave)).decode("ascii"),
    }


def _encode(wave: np.ndarray) -> bytes:
    stream = io.BytesIO()
    soundfile = codecs()
    peak = max(1.0, float(np.abs(wave).max()))
    with soundfile.SoundFile(stream, "w", RATE, 1, "VORBIS", format="OGG") as file:
        # A second at a time: libvorbis overflows its stack where it is handed a long clip at once.
        for start in range(0, len(wave), CHUNK):
            file.write(wave[start : start + CHUNK] / peak)
    return stream.getvalue()


def _draw(wave: np.ndarray) -> bytes:
    """Return a spectrogram, low tones below, dark where it is loud."""
    padded = np.pad(wave, (FFT // 2, FFT // 2 + max(0, FFT - len(wave))))
    starts = np.linspace(0, len(padded) - FFT, WIDTH).astype(int)
    frames = np.stack([padded[start : start + FFT] for start in starts])
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FFT).astype(np.float32))))
    # Rows are spaced as pitch is heard; each takes the bin that it falls on.
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), HEIGHT)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    rows = power[:, np.round(hertz * FFT / RATE).astype(int).clip(0, FFT // 2)].T[::-1]
    decibel = 10 * np.log10(np.maximum(rows, 1e-10))
    dark = np.clip((decibel - decibel.max()) / RANGE + 1, 0, 1)
    picture = Pillow.fromarray(np.round(255 * (1 - dark)).astype(np.uint8))
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return stream.getvalue()
