"""When each part of a text was said, by the account of the decoder that wrote it.

Whisper learnt to write moments in time between words: one where a part of the text begins and one
where it ends. What it is tuned on here is text without them, and by that text it was chosen and
judged. So the text is written first, and then the decoder is asked when: it is fed the same text,
and before every word it may say that a part has ended. It is taken to say so where all moments
together are likelier than any word, which is how such texts are written in the first place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from headstart.backbones.base import Decoder
from headstart.modalities.audio_script import begins_word
from headstart.schema import SpeechSpec

STEP = 0.02
"""Seconds from one moment to the next, and from one of Whisper's states to the next."""


@dataclass(frozen=True)
class Part:
    """The tokens of a part of a text, and from when to when it was said in seconds."""

    start: float
    end: float
    tokens: tuple[int, ...]


@dataclass
class _Row:
    """One text on its way through the decoder: where it stands, and which moments are left.

    Moments are counted from the beginning of the sound; the last is `limit`, the sound's end.
    """

    tokens: Sequence[int]
    seconds: float
    spec: SpeechSpec
    at: int = 0
    first: int = 0
    least: int = 0
    begun: int | None = None
    parts: list[Part] = field(default_factory=list)

    @property
    def limit(self) -> int:
        return max(1, math.ceil(self.seconds / STEP))

    @property
    def done(self) -> bool:
        return self.first == len(self.tokens)

    def following(self, scores: torch.Tensor) -> int:
        """Return the token that comes next: of the text, or a moment."""
        if self.done:
            return self.spec.end
        moments = scores[self.spec.moments : self.spec.moments + self.limit + 1]
        if self.begun is None:
            # One moment is left for the end, and parts do not go back in time.
            self.begun = self.least + int(moments[self.least : self.limit].argmax())
            return self.spec.moments + self.begun
        ends = moments[self.begun + 1 :]
        if self.at < len(self.tokens) and not self._over(scores, ends[:-1]):
            self.at += 1
            return self.tokens[self.at - 1]
        # What follows needs a moment of its own to end at.
        room = ends if self.at == len(self.tokens) else ends[:-1]
        end = self.begun + 1 + int(room.argmax())
        self.close(end)
        return self.spec.moments + end

    def _over(self, scores: torch.Tensor, ends: torch.Tensor) -> bool:
        """Tell whether a part is over before the next word, which is of another one then."""
        if self.at == self.first or not begins_word(self.tokens[self.at], self.spec):
            return False
        words = scores[: self.spec.moments]
        return len(ends) > 0 and bool(ends.logsumexp(0) > words.max())

    def close(self, end: int) -> None:
        """End the part that is open, at a moment."""
        start = self.least if self.begun is None else self.begun
        tokens = tuple(self.tokens[self.first : self.at])
        self.parts.append(Part(start * STEP, min(end * STEP, self.seconds), tokens))
        self.first, self.least, self.begun = self.at, end, None


def ask_when(
    decoder: Decoder,
    source: torch.Tensor,
    spec: SpeechSpec,
    texts: Sequence[Sequence[int]],
    seconds: Sequence[float],
) -> list[list[Part]]:
    """Return the parts of each text of a batch; together they are the whole of it.

    `seconds` says how long each sound is. What the decoder has no room left for, with moments
    among the words, is one part to the end of the sound.
    """
    plain = [[token for token in text if token < spec.moments] for text in texts]
    rows = [_Row(text, long, spec) for text, long in zip(plain, seconds, strict=True)]
    opening = torch.tensor(spec.timed, device=source.device)
    with torch.inference_mode():
        line = decoder.begin(source)
        scores = line.step(opening.expand(len(source), -1))
        for _ in range(spec.length - len(opening)):
            if all(row.done for row in rows):
                break
            known = scores.float().cpu()
            known[:, list(spec.never)] = -torch.inf
            fed = [row.following(each) for row, each in zip(rows, known, strict=True)]
            scores = line.step(torch.tensor(fed, device=source.device)[:, None])
    for row in rows:
        if not row.done:
            row.at = len(row.tokens)
            row.close(row.limit)
    return [row.parts for row in rows]
