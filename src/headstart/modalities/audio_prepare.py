"""From decoded sound to what a backbone hears: resampled, cut into windows, padded, as log-mel.

Samples travel in blocks of 160, a hundredth of a second at 16 kHz, so that a sound's length is of
the order of a text's; `samples` says how many of a window's are real. Log-mel frames are larger
than the sound and cheaply made, so they are made batch by batch and never kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from headstart.modalities.audio_read import Sound, not_installed
from headstart.modalities.base import Arrays, State
from headstart.modalities.lengths import together
from headstart.schema import AudioSpec, InputSpec

BLOCK = 160
WHISPER_FFT = 400
KALDI_WINDOW, KALDI_FFT = 400, 512
KALDI_FLOOR = 1.192092955078125e-07
"""The smallest step of a float32 at 1, which Kaldi puts in place of silence before logarithms."""


def audio_spec(spec: InputSpec) -> AudioSpec:
    """Return a specification as what it must be for sounds."""
    if not isinstance(spec, AudioSpec):
        raise TypeError(f"the audio modality needs an AudioSpec, not {type(spec).__name__}")
    return spec


def at_rate(sound: Sound, rate: int) -> np.ndarray:
    """Return a sound's samples at another rate (soxr, high quality)."""
    if sound.rate == rate:
        return sound.wave
    try:
        import soxr
    except ImportError:
        raise not_installed("soxr") from None
    resampled: np.ndarray = soxr.resample(sound.wave, sound.rate, rate, quality="HQ")
    return resampled.astype(np.float32)


def cut(wave: np.ndarray, spec: AudioSpec) -> list[np.ndarray]:
    """Return a wave in windows: itself, or as few as cover it, whole and evenly spread."""
    most = spec.window * BLOCK
    count = math.ceil(len(wave) / most)
    if count <= 1:
        return [wave]
    starts = np.linspace(0, len(wave) - most, count).astype(int)
    return [wave[start : start + most] for start in starts]


def in_blocks(wave: np.ndarray, spec: AudioSpec) -> Arrays:
    """Return one window as blocks of samples, with silence up to the last block's end."""
    length = max(len(wave), spec.least)
    blocks = spec.window if spec.fixed else math.ceil(length / BLOCK)
    x = np.zeros(blocks * BLOCK, np.float32)
    x[: len(wave)] = wave
    return {
        "x": x.reshape(blocks, BLOCK),
        "mask": np.ones(blocks, bool),
        "samples": np.array([[length]], np.int64),
    }


def collate(examples: Sequence[Arrays], spec: AudioSpec) -> State:
    """Return a batch of windows as the checkpoint expects it.

    Waves stand as [batch, blocks, 160] with their `samples`; log-mel as [batch, frames, bands]
    with `heard`, which tells frames that hold sound from those that only fill the window.
    """
    state = together(examples)
    if spec.features in ("wave", "unit wave"):
        return _unit(state) if spec.features == "unit wave" else state
    wave, samples = state["x"].flatten(1), state["samples"][:, 0, 0]
    if spec.features == "whisper":
        x, real = whisper_log_mel(wave, spec.bands, spec.rate), samples // BLOCK
    else:
        x, real = _kaldi_frames(wave, samples, spec)
    frame = torch.arange(x.shape[1])
    return {
        "x": x,
        "mask": torch.ones(x.shape[:2], dtype=torch.bool),
        "heard": frame[None] < real.clamp(1, x.shape[1])[:, None],
    }


def _unit(state: State) -> State:
    """Bring each window's own samples to mean 0 and deviation 1; what only fills it stays 0."""
    x, samples = state["x"], state["samples"][:, 0, 0]
    wave = x.flatten(1)
    inside = torch.arange(wave.shape[1])[None] < samples[:, None]
    mean = (wave * inside).sum(1, keepdim=True) / samples[:, None]
    away = (wave - mean) * inside
    power = away.square().sum(1, keepdim=True) / samples[:, None]
    return {**state, "x": (away / (power + 1e-7).sqrt()).reshape(x.shape)}


def whisper_log_mel(wave: torch.Tensor, bands: int, rate: int) -> torch.Tensor:
    """Return Whisper's log-mel frames [batch, frames, bands]: within 80 dB of each clip's peak."""
    window = torch.hann_window(WHISPER_FFT)
    spectrum = torch.stft(wave, WHISPER_FFT, BLOCK, window=window, return_complex=True)
    power = spectrum[..., :-1].abs().square()
    mel = torch.clamp(_slaney(bands, rate).T @ power, min=1e-10).log10()
    mel = torch.maximum(mel, mel.amax((1, 2), keepdim=True) - 8.0)
    return ((mel + 4.0) / 4.0).transpose(1, 2)


def _kaldi_frames(
    wave: torch.Tensor, samples: torch.Tensor, spec: AudioSpec
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return Kaldi's log-mel frames, those past the end zero before they are brought to scale."""
    real = (1 + (samples - KALDI_WINDOW) // BLOCK).clamp_min(1)
    frames = kaldi_log_mel(wave, spec.bands, spec.rate)[:, : spec.window]
    frames = torch.nn.functional.pad(frames, (0, 0, 0, spec.window - frames.shape[1]))
    inside = torch.arange(frames.shape[1])[None] < real[:, None]
    return ((frames * inside[..., None]) - spec.mean) / (2 * spec.deviation), real


def kaldi_log_mel(wave: torch.Tensor, bands: int, rate: int) -> torch.Tensor:
    """Return Kaldi's log-mel frames [batch, frames, bands] of a Hann window of 25 ms."""
    frames = wave.double().unfold(1, KALDI_WINDOW, BLOCK)
    frames = frames - frames.mean(-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], -1)
    frames = (frames - 0.97 * before) * torch.hann_window(
        KALDI_WINDOW, periodic=False, dtype=torch.float64
    )
    power = torch.fft.rfft(frames, KALDI_FFT).abs().square()
    mel: torch.Tensor = power @ _kaldi(bands, rate)
    return mel.clamp_min(KALDI_FLOOR).log().float()


@cache
def _slaney(bands: int, rate: int) -> torch.Tensor:
    """Return filters [bins, bands] on Slaney's mel scale, each of the same area."""

    def to_mel(hertz: float) -> float:
        return 3 * hertz / 200 if hertz < 1000 else 15 + math.log(hertz / 1000) * 27 / math.log(6.4)

    mel = np.linspace(to_mel(0.0), to_mel(8000.0), bands + 2)
    edges = np.where(mel < 15, 200 * mel / 3, 1000 * np.exp(math.log(6.4) / 27 * (mel - 15)))
    bins = np.linspace(0, rate // 2, WHISPER_FFT // 2 + 1)
    filters = _triangles(bins, edges) * (2 / (edges[2:] - edges[:-2]))
    return torch.from_numpy(filters).float()


@cache
def _kaldi(bands: int, rate: int) -> torch.Tensor:
    """Return filters [bins, bands] from 20 Hz up, triangles on the mel scale itself."""

    def to_mel(hertz: np.ndarray) -> np.ndarray:
        mel: np.ndarray = 1127.0 * np.log(1.0 + hertz / 700.0)
        return mel

    lowest, highest = to_mel(np.array([20.0, rate // 2])).tolist()
    edges = np.linspace(lowest, highest, bands + 2)
    bins = to_mel(np.arange(KALDI_FFT // 2 + 1) * rate / KALDI_FFT)
    return torch.from_numpy(_triangles(bins, edges))


def _triangles(bins: np.ndarray, edges: np.ndarray) -> np.ndarray:
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    filters: np.ndarray = np.maximum(0, np.minimum(rise, fall))
    return filters
