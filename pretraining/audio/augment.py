"""Make clean synthetic clips sound recorded: other sounds behind, rooms, microphones, telephones.

Everything works on a batch of waves on its own device; what differs from clip to clip is a tensor.
The filters of a clip (room, microphone, band limit) are one multiplication of its spectrum.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

RATE = 16_000
ROOM = 8_000  # samples of a room's answer that are kept


class Augment:
    """Draws from a generator of its own, so that a run can be repeated."""

    def __init__(self, device: torch.device | str, seed: int = 0) -> None:
        self.device = torch.device(device)
        self.generator = torch.Generator(self.device).manual_seed(seed)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        value = torch.rand(*shape, generator=self.generator, device=self.device)
        return low + (high - low) * value

    def log_uniform(self, *shape: int, low: float, high: float) -> torch.Tensor:
        return torch.exp(self.uniform(*shape, low=math.log(low), high=math.log(high)))

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def happens(self, batch: int, chance: float) -> torch.Tensor:
        """Return [B, 1] of 0 and 1."""
        return (self.uniform(batch, 1) < chance).float()

    @torch.no_grad()
    def record(self, wave: torch.Tensor, behind: torch.Tensor | None = None) -> torch.Tensor:
        """Return the waves [B, N] as some microphone in some place would have caught them."""
        batch, count = wave.shape
        wave = level(wave)
        if behind is not None:
            # From plainly heard to a hint, on a third of the clips.
            faint = 10 ** (-self.uniform(batch, 1, low=0.0, high=25.0) / 20)
            wave = wave + self.happens(batch, 0.33) * faint * level(behind)
        total = fast_length(count + ROOM)
        hertz = torch.fft.rfftfreq(total, 1 / RATE, device=self.device).clamp_min(8.0)
        spectrum = torch.fft.rfft(wave, total) * torch.fft.rfft(self.room(batch), total)
        # Noise of any colour, from -3 dB to next to none; a tenth of the clips has none at all.
        loud = 10 ** (-self.uniform(batch, 1, low=-3.0, high=50.0) / 20) * self.happens(batch, 0.9)
        tint = hertz[None] ** self.uniform(batch, 1, low=-1.0, high=0.4)
        noise = torch.complex(self.normal(batch, len(hertz)), self.normal(batch, len(hertz)))
        noise = noise * tint
        power = (noise.real.square() + noise.imag.square()).mean(1, keepdim=True)
        noise = noise * (total / power).sqrt()
        spectrum = (spectrum + loud * noise) * self.microphone(batch, hertz)
        return self.distort(torch.fft.irfft(spectrum, total)[:, :count])

    def room(self, batch: int) -> torch.Tensor:
        """Return impulse responses [B, ROOM]: the direct sound, then noise that dies."""
        time = torch.arange(ROOM, device=self.device)[None] / RATE
        fade = torch.exp(-6.9 * time / self.log_uniform(batch, 1, low=0.06, high=0.9))
        late = self.normal(batch, ROOM) * fade * (time > self.uniform(batch, 1, high=0.02))
        late = late / late.square().sum(1, keepdim=True).sqrt().clamp_min(1e-4)
        late = late * self.log_uniform(batch, 1, low=0.05, high=1.2) * self.happens(batch, 0.6)
        late[:, 0] += 1.0
        return late

    def microphone(self, batch: int, hertz: torch.Tensor) -> torch.Tensor:
        """Return gains [B, bins]: a bumpy response and, for many, a cut from above or below."""
        points = 10
        place = (hertz / 50.0).log2().clamp(0, 7.3) / 7.3 * (points - 1.001)
        index = place.long()
        decibel = self.normal(batch, points) * self.uniform(batch, 1, high=6.0)
        left, right = decibel[:, index], decibel[:, index + 1]
        gain = 10 ** ((left + (right - left) * (place - index)) / 20)
        # Much speech comes from 8 kHz recordings: nothing above 4 kHz.
        eight = self.happens(batch, 0.4)
        other = self.happens(batch, 0.2) * (1 - eight)
        top = eight * self.uniform(batch, 1, low=3300.0, high=4000.0)
        top = top + other * self.uniform(batch, 1, low=2500.0, high=7500.0)
        top = top + (1 - eight - other) * 9000.0
        steep = self.uniform(batch, 1, low=20.0, high=150.0)
        low = self.log_uniform(batch, 1, low=20.0, high=400.0)
        order = self.uniform(batch, 1, low=0.5, high=3.0) * self.happens(batch, 0.5)
        cut = torch.sigmoid((top - hertz[None]) / steep)
        return gain * cut * (1 + (low / hertz[None]) ** 2) ** (-order)

    def distort(self, wave: torch.Tensor) -> torch.Tensor:
        """Overdrive some clips and quantise some coarsely."""
        batch = len(wave)
        wave = wave / wave.abs().amax(1, keepdim=True).clamp_min(1e-4)
        drive = self.log_uniform(batch, 1, low=1.0, high=8.0)
        pushed = torch.tanh(drive * wave) / torch.tanh(drive)
        some = self.happens(batch, 0.15)
        wave = some * pushed + (1 - some) * wave
        steps = 2 ** self.uniform(batch, 1, low=6.0, high=12.0)
        some = self.happens(batch, 0.3)
        return some * torch.round(wave * steps) / steps + (1 - some) * wave

    @torch.no_grad()
    def hide(self, mel: torch.Tensor) -> torch.Tensor:
        """Hide a stretch of time and two stretches of bands of log-mel maps [B, 1, M, T]."""
        batch, _, bands, frames = mel.shape
        when = torch.arange(frames, device=self.device)[None]
        which = torch.arange(bands, device=self.device)[None]
        shown = torch.ones(batch, 1, bands, frames, device=self.device)
        wide = self.uniform(batch, 1, high=0.15 * frames) * self.happens(batch, 0.5)
        begin = self.uniform(batch, 1) * frames
        shown = shown * ~((when >= begin) & (when < begin + wide))[:, None, None]
        for _ in range(2):
            wide = self.uniform(batch, 1, high=9.0) * self.happens(batch, 0.6)
            begin = self.uniform(batch, 1) * bands
            shown = shown * ~((which >= begin) & (which < begin + wide))[:, None, :, None]
        return mel * shown


def level(wave: torch.Tensor) -> torch.Tensor:
    """Scale the louder half of each clip to unit power, so that silence does not count."""
    blocks = F.avg_pool1d(wave.square()[:, None], 400, 400, ceil_mode=True)[:, 0]
    loud = blocks.topk(max(1, blocks.shape[1] // 2), 1).values.mean(1, keepdim=True)
    return wave / loud.sqrt().clamp_min(1e-4)


def stretch(
    bank: torch.Tensor, start: torch.Tensor, length: torch.Tensor, place: torch.Tensor
) -> torch.Tensor:
    """Read clips of `bank` [S] (mu-law bytes) at fractional places [B, N] that count from each
    clip's beginning; outside of the clip there is silence.

    Four-point (Catmull-Rom) interpolation: speed and pitch change together.
    """
    table = mu_law_table(bank.device)
    index = place.floor()
    t = place - index
    index = index.long()
    weights = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    wave = torch.zeros_like(t)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        where = index + offset
        inside = (where >= 0) & (where < length[:, None])
        where = (start[:, None] + where).clamp(0, len(bank) - 1)
        wave += weight * table[bank[where].long()] * inside
    return wave


def mu_law_table(device: torch.device) -> torch.Tensor:
    """Return what each of the 256 bytes stands for."""
    law = (torch.arange(256, device=device) - 128.0) / 127.0
    return law.sign() * (256.0 ** law.abs().clamp_max(1.0) - 1.0) / 255.0


def to_mu_law(wave: torch.Tensor) -> torch.Tensor:
    """Return bytes for waves in -1..1."""
    law = wave.sign() * torch.log1p(255.0 * wave.abs().clamp_max(1.0)) / math.log(256.0)
    return (law * 127.0 + 128.0).round().clamp(0, 255).to(torch.uint8)


def to_rate(bank: torch.Tensor, device: torch.device, rate: int) -> torch.Tensor:
    """Resample a long mu-law stream to 16 kHz, block by block, by cutting its spectrum."""
    if rate == RATE:
        return bank.to(device)
    divisor = math.gcd(rate, RATE)
    up, down = RATE // divisor, rate // divisor
    size = 4096 * down  # of 2 * 3 * 7 only: fast to transform
    table = mu_law_table(device)
    pieces = []
    for begin in range(0, len(bank), size):
        piece = bank[begin : begin + size].to(device)
        short = size - len(piece)
        wave = F.pad(table[piece.long()], (0, short))
        count = 4096 * up
        spectrum = torch.fft.rfft(wave)[: count // 2 + 1]
        pieces.append(to_mu_law(torch.fft.irfft(spectrum, count) * (up / down)))
    return torch.cat(pieces)


def fast_length(count: int) -> int:
    """Return the next length of the form 2^k * (1, 1.25 or 1.5): cheap to transform."""
    power = 1 << (count - 1).bit_length()
    for share in (5, 6):
        if power * share // 8 >= count:
            return power * share // 8
    return power
