"""Sounds made on the spot, in memory and as files."""

import csv
import io

import numpy as np
import soundfile

RATE = 16_000


def tone(seconds=0.5, hertz=440.0, rate=RATE, seed=0, noise=0.01):
    """Return a tone with a little noise and a swell, so that its time can be told."""
    at = np.arange(int(seconds * rate)) / rate
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * (1.7 + seed % 3) * at)
    hiss = np.random.default_rng(seed).normal(0, noise, len(at))
    return (0.4 * swell * np.sin(2 * np.pi * hertz * at) + hiss).astype(np.float32)


def spoken(seconds=0.6, rate=RATE, seed=0, low=200, high=3000):
    """Return something with as much going on as a word: chirps of noise in changing bands."""
    chance = np.random.default_rng(seed)
    count = int(seconds * rate)
    wave = np.zeros(count)
    for _ in range(6):
        long = count // 4
        start = int(chance.integers(count - long))
        spectrum = np.fft.rfft(chance.normal(size=long))
        hertz = np.fft.rfftfreq(long, 1 / rate)
        middle = chance.uniform(low, high)
        spectrum *= np.exp(-0.5 * ((hertz - middle) / (0.15 * middle)) ** 2)
        burst = np.fft.irfft(spectrum, long) * np.hanning(long)
        wave[start : start + long] += burst / np.abs(burst).max() * chance.uniform(0.1, 0.5)
    return (0.5 * wave / np.abs(wave).max()).astype(np.float32)


def encode(wave, rate=RATE, kind="WAV", subtype=None):
    """Return a file's bytes."""
    stream = io.BytesIO()
    soundfile.write(stream, wave, rate, format=kind, subtype=subtype)
    return stream.getvalue()


HIGH, LOW = (1800, 3200), (200, 500)


def folder_of_sounds(root, count=10, seconds=0.4):
    """Write a folder a class, `high` and `low`; how loud and how long a sound is tells nothing."""
    for number, (name, (low, high)) in enumerate((("high", HIGH), ("low", LOW))):
        (root / name).mkdir(parents=True)
        for at in range(count):
            wave = spoken(seconds + 0.01 * at, seed=100 * number + at, low=low, high=high)
            (root / name / f"{name}{at}.wav").write_bytes(encode(wave, subtype="PCM_16"))
    return root


def write_clips(folder, rows, header=("path", "transcript")):
    """Write a clip of so many seconds a row, and the table of them."""
    folder.mkdir(exist_ok=True)
    lines = []
    for at, (text, *more) in enumerate(rows):
        seconds = more[0] if more else 2.0
        (folder / f"{at}.wav").write_bytes(encode(spoken(seconds, seed=at), subtype="PCM_16"))
        lines.append((f"{at}.wav", text, *more[1:]))
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *lines])
    return folder / "clips.csv"
