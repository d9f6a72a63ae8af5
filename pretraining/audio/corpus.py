"""What the audio net learns from, kept on the training device: spoken words and sounds, in batches.

Speech and sounds share each batch, at one length, so that BatchNorm meets the mixture that it will
have averaged over. Every clip comes as a pair of views: a word in two voices, two crops of a sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from augment import RATE, Augment, stretch, to_rate
from sounds import Synth
from speech import ENGLISH, HELD_OUT, VARIANTS

FRAME = 640  # samples from one output frame of the net to the next


@dataclass
class Batch:
    """Waves [B, N], speech first; views 2i and 2i + 1 show the same thing."""

    wave: torch.Tensor
    speech: int  # how many of the waves are speech
    key: torch.Tensor  # [B]: equal where two waves show the same thing
    word: torch.Tensor  # [speech]: -100 where another language spoke it
    phonemes: torch.Tensor  # [speech, frames]
    variant: torch.Tensor
    manner: torch.Tensor  # [speech, 2]: rate and pitch, about -1..1
    family: torch.Tensor  # [sounds]
    numbers: torch.Tensor
    heard: torch.Tensor


class Words:
    """The spoken words, resampled and resident on the device."""

    def __init__(self, data: dict, device: torch.device, seed: int) -> None:
        self.device = device
        facts, rate = data["facts"], int(data["rate"])
        self.bank = to_rate(torch.from_numpy(data["audio"]), device, rate)
        self.names: list[str] = data["names"]

        def there(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device, dtype)

        share = RATE / rate
        self.start = (there(data["start"], torch.float64) * share).long()
        self.length = (there(facts[:, 0], torch.float64) * share).long()
        self.word = there(facts[:, 1], torch.long)
        language = there(facts[:, 2], torch.long)
        self.variant = there(facts[:, 3], torch.long)
        self.manner = (
            there(facts[:, 4:6], torch.float32) - torch.tensor([180.0, 50.0], device=device)
        ) / torch.tensor([80.0, 40.0], device=device)
        self.times = there(data["times"], torch.float32) * share
        self.ids = there(data["ids"], torch.long)
        english = language < len(ENGLISH)
        self.label = torch.where(english, self.word, torch.full_like(self.word, -100))
        self.key = self.word + 100_000 * torch.where(english, torch.zeros_like(language), language)
        held = there(np.isin(facts[:, 3], [VARIANTS.index(v) for v in HELD_OUT]), torch.bool)
        # Training clips in order of length (to fill a batch's length) and, for partners, of key.
        train = torch.nonzero(~held)[:, 0]
        self.by_length = train[self.length[train].argsort()]
        self.lengths = self.length[self.by_length].contiguous()
        self.by_key = train[self.key[train].argsort(stable=True)]
        self.keys = self.key[self.by_key].contiguous()
        self.validation = torch.nonzero(held & english)[:, 0]
        self.augment = Augment(device, seed + 1)

    def sample(self, pairs: int, count: int) -> torch.Tensor:
        """Return clips [2 * pairs]: words that fit `count` samples, each with another rendering."""
        # Half of the time nearly as long as the window: clips in the world are often trimmed.
        low = 0.7 if float(torch.rand(())) < 0.5 else 0.25
        edges = torch.tensor([low * count, 1.0 * count], device=self.device).long()
        first, last = torch.searchsorted(self.lengths, edges).tolist()
        if last - first < pairs:
            first, last = 0, len(self.lengths)
        place = first + (self.augment.uniform(pairs) * (last - first)).long()
        one = self.by_length[place.clamp_max(len(self.lengths) - 1)]
        begin = torch.searchsorted(self.keys, self.key[one])
        size = torch.searchsorted(self.keys, self.key[one], right=True) - begin
        other = one
        for _ in range(4):  # a few tries for a partner that fits too
            place = begin + (self.augment.uniform(pairs) * size).long()
            found = self.by_key[place.clamp_max(len(self.keys) - 1)]
            bad = (other == one) | (self.length[other] > 1.1 * count)
            other = torch.where(bad, found, other)
        return torch.stack([one, other], 1).flatten()

    def read(self, clips: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return waves [B, count] at random speeds and places, and the phoneme of each frame."""
        batch = len(clips)
        length = self.length[clips].float()[:, None]
        speed = self.augment.log_uniform(batch, 1, low=0.8, high=1.25)
        speed = torch.maximum(speed, (length / count).clamp(max=1.7))
        free = count - length / speed
        begin = free * self.augment.uniform(batch, 1)
        time = torch.arange(count, device=self.device)[None]
        wave = stretch(self.bank, self.start[clips], self.length[clips], (time - begin) * speed)
        frames = frame_count(count)
        at = (torch.arange(frames, device=self.device)[None] * FRAME - begin) * speed
        index = (self.times[clips][:, None] <= at[..., None]).sum(-1)
        phoneme = self.ids[clips].gather(1, (index - 1).clamp_min(0))
        return wave, phoneme * ((index > 0) & (at < length))


class Sounds:
    """A bank of synthesised sounds of 4 s that is renewed little by little."""

    def __init__(self, device: torch.device, size: int, seed: int) -> None:
        self.synth, self.device, self.size = Synth(device, 4.0, seed), device, size
        self.augment = Augment(device, seed + 2)
        self.next = 0
        self.wave = torch.zeros(size, self.synth.count, dtype=torch.float16, device=device)
        self.family = torch.zeros(size, dtype=torch.long, device=device)
        self.numbers = torch.zeros(size, len(self.synth.low[0]), device=device)
        for _ in range(0, size, 64):
            self.renew(64)

    def renew(self, count: int) -> None:
        """Replace the oldest sounds by new ones."""
        count = min(count, self.size - self.next)
        rows = slice(self.next, self.next + count)
        self.family[rows], numbers = self.synth.draw(count)
        self.numbers[rows] = numbers
        self.wave[rows] = self.synth.render(numbers).half()
        self.next = (self.next + count) % self.size

    def crop(self, rows: torch.Tensor, count: int) -> torch.Tensor:
        """Return a random stretch of each sound, the louder of two: few crops of mere silence."""
        crops = []
        for _ in range(2):
            begin = (self.augment.uniform(len(rows)) * (self.synth.count - count + 1)).long()
            index = begin[:, None] + torch.arange(count, device=self.device)[None]
            index = index.clamp_max(self.synth.count - 1)
            crops.append(self.wave[rows[:, None], index].float())
        power = [crop.square().mean(1, keepdim=True) for crop in crops]
        return torch.where(power[0] >= power[1], crops[0], crops[1])


class Corpus:
    """Draws batches of both kinds."""

    def __init__(self, data: dict, device: torch.device, bank: int, seed: int) -> None:
        self.words, self.sounds = Words(data, device, seed), Sounds(device, bank, seed)
        self.augment = Augment(device, seed)
        self.device = device

    def batch(self, seconds: float, length: float, spoken_share: float) -> Batch:
        """Return about `seconds` of sound in windows of `length` seconds, a share of it speech."""
        count = int(length * RATE)
        pairs = max(4, round(seconds / length / 2))
        spoken = max(2, round(spoken_share * pairs))
        words, sounds = self.words, self.sounds
        clips = words.sample(spoken, count)
        speech, phonemes = words.read(clips, count)
        rows = torch.randperm(sounds.size, device=self.device)[: pairs - spoken]
        rows = rows.repeat_interleave(2)
        wave = torch.cat([speech, sounds.crop(rows, count)])
        others = torch.randint(sounds.size, (len(wave),), device=self.device)
        wave = self.augment.record(wave, sounds.crop(others, count))
        value, heard = sounds.synth.targets(sounds.numbers[rows])
        return Batch(
            wave=wave,
            speech=2 * spoken,
            key=torch.cat([words.key[clips], 100_000_000 + rows]),
            word=words.label[clips],
            phonemes=phonemes,
            variant=words.variant[clips],
            manner=words.manner[clips],
            family=sounds.family[rows],
            numbers=value,
            heard=heard,
        )


def frame_count(count: int) -> int:
    """Return how many frames the net gives for `count` samples."""
    frames = count // 160 + 1
    return ((frames + 1) // 2 + 1) // 2
