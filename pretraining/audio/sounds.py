"""Synthesise everyday sounds, a batch at a time, on whatever device torch is given.

Every sound is a mixture of three layers, each shaped by some numbers: noise (air, water, motors),
events (a train of struck, bursting or bubbling grains) and a voice (a harmonic source with formants
that calls, hums or sweeps), all under one slow envelope. A family is a row of ranges for these
numbers. The whole batch runs through the same code, whatever families are in it: that is what keeps
a GPU busy. Targets: the family, and the numbers themselves where their layer can be heard.
"""

from __future__ import annotations

import math

import torch
from families import FAMILIES, NAMES, NUMBERS

RATE = 16_000
EVENT_LIMIT = 700
HARMONICS = 20


class Synth:
    """Draws and renders batches of sounds on one device."""

    def __init__(self, device: torch.device | str, seconds: float = 4.0, seed: int = 0) -> None:
        self.device, self.count = torch.device(device), int(seconds * RATE)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        table = torch.tensor(
            [[FAMILIES[f].get(n, NUMBERS[n][:2]) for n in NAMES] for f in FAMILIES],
            dtype=torch.float32,
        )
        self.log = torch.tensor([NUMBERS[name][2] for name in NAMES]).to(self.device)
        self.low, self.high = table[..., 0].to(self.device), table[..., 1].to(self.device)
        everywhere = self.scale(table.to(self.device))
        self.floor = everywhere.amin((0, 2))
        self.span = (everywhere.amax((0, 2)) - self.floor).clamp_min(1e-3)
        self.time = torch.arange(self.count, device=self.device) / RATE

    def scale(self, table: torch.Tensor) -> torch.Tensor:
        """Take logarithms of the numbers (second-last axis) that are logarithmic."""
        flag = self.log.view(-1, *[1] * (table.dim() - 2)) if table.dim() > 2 else self.log
        return torch.where(flag, table.clamp_min(1e-6).log(), table)

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def draw(self, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return families [B] and their numbers [B, P], in their own units."""
        family = torch.randint(
            len(FAMILIES), (batch,), generator=self.generator, device=self.device
        )
        low, high = self.scale(self.low)[family], self.scale(self.high)[family]
        value = low + (high - low) * self.uniform(batch, len(NAMES))
        return family, torch.where(self.log, value.exp(), value)

    def targets(self, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the numbers scaled to about 0..1 and which of them can be heard."""
        value = (self.scale(numbers) - self.floor) / self.span
        part = {n: numbers[:, NAMES.index(n)] > 0.15 for n in ("noise", "events", "voice", "beat")}
        always = torch.ones_like(part["noise"])
        heard = []
        for name in NAMES:
            if name.startswith(("noise_", "swell")):
                heard.append(part["noise"])
            elif name.startswith("beat_"):
                heard.append(part["noise"] & part["beat"])
            elif name in ("event_rate", "regular", "unequal") or name.startswith("grain"):
                heard.append(part["events"])
            elif name in ("onset", "lasting", "beat"):
                heard.append(~always)  # a crop does not tell
            elif name in ("noise", "events", "voice"):
                heard.append(always)
            else:
                heard.append(part["voice"])
        return value, torch.stack(heard, 1)

    def curve(self, rate: torch.Tensor) -> torch.Tensor:
        """Return smooth random curves [B, N] of unit variance that turn `rate` times a second."""
        points = int(self.count / RATE * float(rate.max())) + 3
        value = self.normal(len(rate), points)
        place = self.time[None] * rate[:, None]
        index = place.long().clamp_max(points - 2)
        share = 0.5 - 0.5 * torch.cos(math.pi * (place - index))
        return value.gather(1, index) * (1 - share) + value.gather(1, index + 1) * share

    def coloured(self, batch: int, count: int, centre: torch.Tensor, octaves: torch.Tensor):
        """Return noise [B, count] of unit power in a bell of the spectrum."""
        hertz = torch.fft.rfftfreq(count, 1 / RATE, device=self.device).clamp_min(10.0)
        far = (hertz.log2()[None] - centre.log2()[:, None]) / octaves[:, None]
        spectrum = torch.fft.rfft(self.normal(batch, count)) * torch.exp(-0.5 * far.square())
        return unit(torch.fft.irfft(spectrum, count))

    def noise(self, n: dict[str, torch.Tensor]) -> torch.Tensor:
        """Render the noise layer."""
        batch = len(n["noise"])
        wave = self.coloured(batch, self.count, n["noise_centre"], n["noise_octaves"])
        swell = torch.exp(1.2 * n["swell"][:, None] * self.curve(n["swell_rate"]))
        turn = 2 * math.pi * (self.time[None] * n["beat_rate"][:, None] + self.uniform(batch, 1))
        beat = (0.5 + 0.5 * torch.cos(turn)).clamp_min(0.0) ** n["beat_sharp"][:, None]
        return unit(wave * swell * (1 - n["beat"][:, None] * (1 - beat)))

    def events(self, n: dict[str, torch.Tensor]) -> torch.Tensor:
        """Render the event layer: a train of impulses through one grain a sound."""
        batch, size = len(n["events"]), 16_384
        irregular = -torch.log(self.uniform(batch, EVENT_LIMIT).clamp_min(1e-6))
        steady = n["regular"][:, None]
        gaps = (steady + (1 - steady) * irregular) / n["event_rate"][:, None]
        first = self.uniform(batch, 1) / n["event_rate"][:, None].clamp_min(2.0)
        place = ((gaps.cumsum(1) - gaps[:, :1] + first) * RATE).long()
        loud = torch.exp(n["unequal"][:, None] * self.normal(batch, EVENT_LIMIT))
        loud = loud * (place < self.count)
        train = torch.zeros(batch, self.count, device=self.device)
        train.scatter_add_(1, place.clamp_max(self.count - 1), loud)

        time = torch.arange(size, device=self.device)[None] / RATE
        decay = torch.exp(-time / n["grain_decay"][:, None])
        burst = self.coloured(batch, size, n["grain_pitch"], 0.5 + self.uniform(batch))
        ring = torch.zeros(batch, size, device=self.device)
        stretch = self.uniform(batch, 1)  # how far the overtones are from harmonic
        for mode in range(6):
            ratio = (mode + 1) ** (1 + 0.6 * stretch) * torch.exp(0.05 * self.normal(batch, 1))
            bend = 1 - torch.exp(-time / n["grain_decay"][:, None])
            pitch = n["grain_pitch"][:, None] * ratio * torch.exp2(n["grain_bend"][:, None] * bend)
            pitch = pitch * (pitch < 7500)
            phase = 2 * math.pi * pitch.cumsum(1) / RATE
            fade = torch.exp(-time * mode * self.uniform(batch, 1) / n["grain_decay"][:, None])
            # A mode that bends past 7500 Hz freezes at a constant: the gate below silences it.
            ring += self.uniform(batch, 1) ** mode * fade * torch.sin(phase) * (pitch > 0)
        share = n["grain_noise"][:, None]
        grain = (share * burst + (1 - share) * ring) * decay
        total = self.count + size
        both = torch.fft.rfft(train, total) * torch.fft.rfft(grain, total)
        return unit(torch.fft.irfft(both, total)[:, : self.count])

    def voice(self, n: dict[str, torch.Tensor]) -> torch.Tensor:
        """Render the voice layer: calls of a harmonic source, through formants."""
        batch = len(n["voice"])
        cycle = self.time[None] * n["call_rate"][:, None]
        cycle = cycle + 0.15 * self.curve(n["call_rate"]) + self.uniform(batch, 1)
        inside = (cycle - cycle.floor()) / n["call_share"][:, None]
        arch = torch.sin(math.pi * inside.clamp(0, 1)).clamp_min(0.0)
        lasting = n["call_share"][:, None] > 1
        call = torch.where(lasting, torch.ones_like(arch), arch ** (0.3 + self.uniform(batch, 1)))
        bend = torch.where(lasting, 0.5 + 0.5 * torch.sin(2 * math.pi * cycle), arch)
        rough = self.curve(60 + 120 * self.uniform(batch))
        octaves = n["bend"][:, None] * bend + 0.03 * self.curve(2 + 4 * self.uniform(batch))
        octaves = octaves + torch.where(
            lasting, torch.zeros_like(arch), n["slide"][:, None] * (inside.clamp(0, 1) - 0.5)
        )
        shake = torch.sin(2 * math.pi * self.time[None] * n["vibrato_rate"][:, None])
        octaves = octaves + n["vibrato"][:, None] * shake + 0.3 * n["rough"][:, None] * rough
        pitch = n["pitch"][:, None] * torch.exp2(octaves)
        phase = 2 * math.pi * (pitch.double().cumsum(1) / RATE % 1.0).float()
        wave = torch.zeros_like(pitch)
        for harmonic in range(1, HARMONICS + 1):
            level = harmonic ** -n["tilt"][:, None] * torch.exp(0.4 * self.normal(batch, 1))
            wave += level * torch.sin(harmonic * phase) * (harmonic * pitch < 7600)
        wave = unit(wave) * (1 + 2 * n["rough"][:, None] * rough).clamp_min(0)
        wave = (wave + n["breath"][:, None] * self.normal(batch, self.count)) * call
        hertz = torch.fft.rfftfreq(self.count, 1 / RATE, device=self.device).clamp_min(10.0)
        peaks = torch.zeros(batch, len(hertz), device=self.device)
        for index in range(3):
            place = n["formant"] * (1.6**index) * torch.exp(0.2 * self.normal(batch))
            far = (hertz.log2()[None] - place.log2()[:, None]) / 0.35
            peaks = torch.maximum(peaks, 0.8**index * torch.exp(-0.5 * far.square()))
        depth = n["formant_depth"][:, None]
        spectrum = torch.fft.rfft(wave) * (1 - depth + depth * peaks)
        return unit(torch.fft.irfft(spectrum, self.count))

    @torch.no_grad()
    def render(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return waves [B, N] at 16 kHz with a peak of 1."""
        n = {name: numbers[:, i] for i, name in enumerate(NAMES)}
        wave = n["noise"][:, None] * self.noise(n) + n["events"][:, None] * self.events(n)
        wave = wave + n["voice"][:, None].clamp_min(0.0) * self.voice(n)
        after = self.time[None] - n["onset"][:, None]
        attack = (after / 0.02).clamp(0, 1)
        fade = ((n["lasting"][:, None] - after) / 0.3).clamp(0, 1)
        wave = torch.nan_to_num(wave * attack * fade)
        return wave / wave.abs().amax(1, keepdim=True).clamp_min(1e-4)


def unit(wave: torch.Tensor) -> torch.Tensor:
    """Scale each row to a mean power of 1 (rows of silence stay silent)."""
    return wave / wave.square().mean(1, keepdim=True).sqrt().clamp_min(1e-4)
