"""A model that writes down what is said: recordings in, transcripts out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from headstart.backbones.base import State
from headstart.errors import UnreadableInput
from headstart.features import BATCH, in_turns
from headstart.modalities.audio_listen import Heard, listen
from headstart.model import Model
from headstart.schema import Prediction, Sample, Transcript, Unreadable
from headstart.speech.hearing import Ear
from headstart.speech.words import Window, by_parts, by_pauses, stitch, text_of

PROOF = 64
"""Of so many tokens a self-test keeps the scores: those of a whole vocabulary would be a file."""


@dataclass(repr=False)
class Scribe(Model):
    """What `fit` hands over where recordings have transcripts.

    Its labels are the characters that its head spells; where the backbone has a decoder there are
    none, and the head is empty.
    """

    def stream(
        self, inputs: object, set_aside: list[Unreadable] | None = None
    ) -> Iterator[Prediction]:
        """Yield transcripts as they are made; a recording may be as long as it likes."""
        yield from self.transcribe(self._samples(inputs), set_aside)

    def transcribe(
        self, samples: Sequence[Sample], set_aside: list[Unreadable] | None = None
    ) -> Iterator[Transcript]:
        """Yield the transcripts of samples, in order."""
        ear = Ear(self.backbone, self.head, self.labels, self.modality, self.precision)
        for turn in in_turns(self._begin, samples, BATCH):
            short: list[tuple[str, Heard]] = []
            for sample, first in turn:
                if isinstance(first, UnreadableInput):
                    if set_aside is None:
                        raise first
                    set_aside.append(Unreadable(sample.name, first.message))
                elif len(first) == 1:
                    short.append((sample.name, first[0]))
                else:
                    yield from self._told(short, ear)
                    short = []
                    yield self._say_all(sample, ear)
            yield from self._told(short, ear)

    def _begin(self, sample: Sample) -> tuple[Sample, list[Heard] | UnreadableInput]:
        """Read the first window, and a second one only to know whether there is one."""
        try:
            windows = listen(sample.input, self.backbone.spec)
            return sample, [each for _, each in zip(range(2), windows, strict=False)]
        except UnreadableInput as error:
            return sample, error

    def _told(self, short: Sequence[tuple[str, Heard]], ear: Ear) -> Iterator[Transcript]:
        heard = ear.hear([window for _, window in short])
        for (name, _), window in zip(short, heard, strict=True):
            yield self._transcript(name, [window])

    def _say_all(self, sample: Sample, ear: Ear) -> Transcript:
        """Return the transcript of a long recording, heard a few windows at a time."""
        done: list[Window] = []
        waiting: list[Heard] = []
        for window in listen(sample.input, self.backbone.spec):
            waiting.append(window)
            if len(waiting) == BATCH:
                done += ear.hear(waiting)
                waiting = []
        return self._transcript(sample.name, stitch([*done, *ear.hear(waiting)]))

    def _transcript(self, name: str, windows: Sequence[Window]) -> Transcript:
        words = [word for window in windows for word in window.words]
        segments = by_parts(windows) if self.backbone.decoder else by_pauses(words)
        sure = float(np.mean([word.probability for word in words])) if words else 1.0
        return Transcript(name, text_of(words), sure, {}, segments=segments)

    def proof(self, state: State) -> np.ndarray:
        """Return what tells whether the model still gives what it gave, of a batch of inputs."""
        with torch.inference_mode():
            last = self.backbone(dict(state))
            if self.backbone.decoder is not None:
                return self.backbone.decoder.scores(last)[:, 0, :PROOF].float().cpu().numpy()
            found = self.backbone.read(last, self.backbone.depth)["mean"].float().numpy()
        return self.head.logits(found)
