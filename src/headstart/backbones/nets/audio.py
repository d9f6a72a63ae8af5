"""The bundled audio net: waveform at 16 kHz of any length -> log-mel -> small residual conv net.

Two-dimensional stages first (what a sound looks like in time and frequency), then one-dimensional
ones (how it goes on): speech needs the second, textures the first. Only torch is imported here.

Padding is masked exactly: every layer that looks along time sees zeros past a clip's own end, which
is what it sees past the end of a clip that is alone, so no neighbour changes an activation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

State = dict[str, torch.Tensor]

SAMPLE_RATE = 16_000
HOP = 160
WINDOW = 400
FFT = 1024  # longer than the window, so that the lowest mel bands still hold a bin each
FLOOR = 1e-5  # 50 dB under a clip's mean power: fainter than that counts as silence


@dataclass(frozen=True)
class AudioConfig:
    """The numbers that decide the architecture; JSON-able, travels with the weights."""

    mels: int = 64
    widths: tuple[int, int, int] = (32, 64, 128)
    blocks: int = 2
    tail: int = 256
    kernels: tuple[int, int] = (7, 15)

    def to_json(self) -> dict[str, object]:
        """Return plain data from which `AudioConfig.from_json` rebuilds this."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, object]) -> AudioConfig:
        """Rebuild from plain data, where tuples have become lists."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**plain)


def mel_filters(mels: int, low: float = 40.0, high: float = 7800.0) -> torch.Tensor:
    """Return triangular filters [mels, bins], evenly spaced on the mel scale, each summing to 1."""

    def to_mel(hertz: float) -> float:
        return 2595.0 * math.log10(1.0 + hertz / 700.0)

    points = torch.linspace(to_mel(low), to_mel(high), mels + 2, dtype=torch.float64)
    edges = 700.0 * (10.0 ** (points / 2595.0) - 1.0)
    bins = torch.arange(FFT // 2 + 1, dtype=torch.float64) * SAMPLE_RATE / FFT
    rise = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    filters = torch.minimum(rise, fall).clamp_min(0.0)
    return (filters / filters.sum(1, keepdim=True)).float()


@cache
def _tables(mels: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the filters and the window: no buffers, because float16 would blur them."""
    with torch.inference_mode(False):
        return mel_filters(mels).to(device), torch.hann_window(WINDOW, device=device)


def without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Return a block in which nothing is cast; a device that knows no autocast has none to end."""
    known = torch.amp.autocast_mode.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if known else nullcontext()


def keep(x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Zero what lies past each clip's end along the last axis."""
    if lengths is None:
        return x
    inside = torch.arange(x.shape[-1], device=x.device)[None] < lengths[:, None]
    return x * inside.to(x.dtype).view(len(x), *[1] * (x.dim() - 2), -1)


def halve(lengths: torch.Tensor | None) -> torch.Tensor | None:
    """Return how long clips are after a layer of stride 2 with an odd kernel, padded by half."""
    return None if lengths is None else (lengths + 1) // 2


def pack(x: torch.Tensor, lengths: torch.Tensor | None) -> State:
    """Return the state dict; without lengths every clip fills its row."""
    return {"x": x} if lengths is None else {"x": x, "lengths": lengths}


class Mel(nn.Module):
    """Waveform [B, N] (+ lengths in samples) -> log-mel map [B, 1, mels, frames] (+ in frames).

    Each clip is divided by its own mean power: how near the microphone stood says little about
    what sounds, and would let a recording's level stand for its label. One number a clip, not one a
    band: the colour of a sound stays. The map is 0 at the floor, so padding is silence.
    """

    def __init__(self, mels: int) -> None:
        super().__init__()
        self.mels = mels

    def forward(self, state: State) -> State:
        """Return the log-mel maps."""
        lengths = state.get("lengths")
        filters, window = _tables(self.mels, state["x"].device)
        with without_autocast(state["x"].device):  # fft and logs need float32
            wave = keep(state["x"].float(), lengths)
            wave = F.pad(wave, (FFT // 2, FFT // 2))
            bins = torch.stft(wave, FFT, HOP, WINDOW, window, center=False, return_complex=True)
            power = filters @ (bins.real.square() + bins.imag.square())
            frames = None if lengths is None else lengths // HOP + 1
            power = keep(power, frames)
            level = _mean(power, frames).mean(1)
            x = torch.log10(power / level.clamp_min(1e-10)[:, None, None] + FLOOR)
            x = keep(0.5 * (x - math.log10(FLOOR)), frames)
        return pack(x[:, None], frames)


class Block2d(nn.Module):
    """Two 3x3 convolutions with a shortcut; the first may stride over frequency and time."""

    def __init__(self, inside: int, outside: int, stride: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.halves = stride[1] == 2
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.shortcut: nn.Module = nn.Identity()
        if stride != (1, 1) or inside != outside:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )
        nn.init.zeros_(self.norm2.weight)  # a block begins as its shortcut, which trains steadier

    def forward(self, state: State) -> State:
        """Return the block's maps."""
        lengths = state.get("lengths")
        after = halve(lengths) if self.halves else lengths
        x = keep(F.relu(self.norm1(self.conv1(state["x"]))), after)
        x = self.norm2(self.conv2(x)) + self.shortcut(state["x"])
        return pack(keep(F.relu(x), after), after)


class Stem(nn.Module):
    """First convolution: halves frequency and time (to 20 ms)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, width, 5, 2, 2, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, state: State) -> State:
        """Return the first maps."""
        after = halve(state.get("lengths"))
        x = F.relu(self.norm(self.conv(state["x"])))
        return pack(keep(x, after), after)


class Fold(nn.Module):
    """Map [B, C, F, T] -> sequence [B, width, T]: frequency becomes a matter of channels."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inside, width, 1, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, state: State) -> State:
        """Return the sequence."""
        lengths = state.get("lengths")
        x = F.relu(self.norm(self.conv(state["x"].flatten(1, 2))))
        return pack(keep(x, lengths), lengths)


class Block1d(nn.Module):
    """Gate, look along time channel by channel, mix; with a shortcut around all three."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.gate = nn.Conv1d(width, 2 * width, 1)
        self.along = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=False)
        self.norm2 = nn.BatchNorm1d(width)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, state: State) -> State:
        """Return the block's sequence."""
        lengths = state.get("lengths")
        x = keep(F.glu(self.gate(self.norm(state["x"])), 1), lengths)
        x = self.mix(F.silu(self.norm2(self.along(x))))
        return pack(keep(state["x"] + x, lengths), lengths)


class Close(nn.Module):
    """Normalise and rectify the end of a stage of `Block1d`, so that its mean counts detections."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, state: State) -> State:
        """Return the stage's last sequence."""
        lengths = state.get("lengths")
        return pack(keep(F.relu(self.norm(state["x"])), lengths), lengths)


class AudioNet(nn.Module):
    """Ordered `stages`, each mapping {"x", "lengths"} to the same; "lengths" may be left out.

    `forward(state, start, stop)` runs any stretch, so a freeze boundary is an integer. Input:
    16 kHz waveforms [B, N] with lengths in samples. Output: [B, tail, T] at one frame per 40 ms.
    """

    def __init__(self, config: AudioConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AudioConfig()
        first, second, third = config.widths
        height = math.ceil(math.ceil(math.ceil(config.mels / 2) / 2) / 2)

        def maps(inside: int, outside: int, stride: tuple[int, int]) -> nn.Sequential:
            rest = [Block2d(outside, outside) for _ in range(config.blocks - 1)]
            return nn.Sequential(Block2d(inside, outside, stride), *rest)

        def along(kernel: int, *before: nn.Module) -> nn.Sequential:
            blocks = [Block1d(config.tail, kernel) for _ in range(config.blocks)]
            return nn.Sequential(*before, *blocks, Close(config.tail))

        self.stages = nn.ModuleDict(
            {
                "mel": Mel(config.mels),
                "stem": Stem(first),
                "stage1": maps(first, first, (1, 1)),
                "stage2": maps(first, second, (2, 1)),
                "stage3": maps(second, third, (2, 2)),
                "stage4": along(config.kernels[0], Fold(third * height, config.tail)),
                "stage5": along(config.kernels[1]),
            }
        )

    def forward(self, state: State, start: int = 0, stop: int | None = None) -> State:
        """Run stages `start` up to `stop` (the end when None)."""
        for stage in list(self.stages.values())[start:stop]:
            state = stage(state)
        return state


def read(state: State) -> dict[str, torch.Tensor]:
    """Turn the state after any stage into named vectors per clip.

    "mean" and "std" are over time; for maps each channel's frequencies are averaged first, and
    "bands" keeps them apart in four bands. A log-mel map is read as its mel bands.
    """
    x, lengths = state["x"].float(), state.get("lengths")
    vectors: dict[str, torch.Tensor] = {}
    if x.dim() == 4 and x.shape[1] == 1:
        x = x[:, 0]
    elif x.dim() == 4:
        bands = F.adaptive_avg_pool2d(x, (4, x.shape[3]))
        vectors["bands"] = _mean(bands.flatten(1, 2), lengths)
        x = x.mean(2)
    mean = _mean(x, lengths)
    spread = _mean(keep((x - mean[..., None]).square(), lengths), lengths)
    return {"mean": mean, "std": (spread + 1e-6).sqrt(), **vectors}


def _mean(x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
    """Average over time; what lies past a clip's end is zero and is not counted."""
    return x.mean(-1) if lengths is None else x.sum(-1) / lengths[:, None]


def collate(waves: Iterable[torch.Tensor]) -> State:
    """Pad waveforms of any lengths (at least one sample each) into one state."""
    rows = list(waves)
    lengths = torch.tensor([len(row) for row in rows])
    return {"x": nn.utils.rnn.pad_sequence(rows, batch_first=True), "lengths": lengths}
