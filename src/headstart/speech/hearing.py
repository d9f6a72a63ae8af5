"""What a model writes of windows of sound: the words of each, with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from headstart.backbones.base import Backbone, State
from headstart.heads.head import Head
from headstart.heads.layer import HeadLayer
from headstart.modalities.audio_listen import Heard
from headstart.modalities.audio_script import to_text
from headstart.modalities.base import Modality
from headstart.modalities.lengths import plan
from headstart.precision import at_precision, cast
from headstart.schema import SpeechSpec
from headstart.speech.frames import read_off
from headstart.speech.lines import write
from headstart.speech.moments import Part, ask_when
from headstart.speech.words import Window, spread_evenly

TOKENS_A_SECOND = 30
"""Nobody says more; a line that goes on beyond repeats itself."""


def speech_spec(backbone: Backbone) -> SpeechSpec:
    """Return what a backbone with a decoder writes by."""
    if not isinstance(backbone.spec, SpeechSpec):
        raise TypeError(f"{backbone.name} has a decoder and no SpeechSpec")
    return backbone.spec


def frame_logits(
    backbone: Backbone, head: HeadLayer, state: State, boundary: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits [batch, frames, characters] from a state at a boundary, and frames' mask."""
    state = backbone(state, boundary)
    return head({head.readings[0]: state["x"].cpu()}), state["mask"].cpu()


def token_limit(seconds: float, spec: SpeechSpec) -> int:
    """Return how many tokens may be written of so many seconds."""
    return min(spec.length, 8 + len(spec.opening + spec.closing) + int(TOKENS_A_SECOND * seconds))


@dataclass(frozen=True)
class Ear:
    """A backbone that writes, with its head where it spells, at a number format."""

    backbone: Backbone
    head: Head
    characters: tuple[str, ...]
    modality: Modality
    precision: str

    def hear(self, windows: Sequence[Heard]) -> list[Window]:
        """Return what is said in each window; those of like length are heard together."""
        done: list[Window | None] = [None] * len(windows)
        for batch in plan([len(each.arrays["mask"]) for each in windows]):
            some = [windows[at] for at in batch]
            state = self.modality.collate([each.arrays for each in some], self.backbone.spec)
            for at, window in zip(batch, self._batch(some, state), strict=True):
                done[at] = window
        return [window for window in done if window is not None]

    def _batch(self, windows: Sequence[Heard], state: State) -> list[Window]:
        backbone = self.backbone
        with at_precision(backbone, self.precision), torch.inference_mode():
            state = backbone(cast(state, self.precision), stop=backbone.hearing)
        with torch.inference_mode():
            state = cast(state, "float32")
            if backbone.decoder is not None:
                return self._write(windows, state["x"])
            logits, mask = frame_logits(backbone, HeadLayer.of(self.head), state, backbone.depth)
        found = []
        for each, rows, real in zip(windows, logits, mask, strict=True):
            frames = rows[real].numpy()
            seconds = (each.end - each.start) / max(1, len(frames))
            words = read_off(frames, self.characters, each.start, seconds)
            found.append(Window(each.start, each.end, words))
        return found

    def _write(self, windows: Sequence[Heard], source: torch.Tensor) -> list[Window]:
        spec, decoder = speech_spec(self.backbone), self.backbone.decoder
        if decoder is None:
            return []
        seconds = [each.end - each.start for each in windows]
        lines = write(decoder, source, spec, token_limit(max(seconds), spec))
        texts = [line.tokens for line in lines]
        parts = (
            ask_when(decoder, source, spec, texts, seconds)
            if spec.moments
            else [[Part(0.0, long, text)] for long, text in zip(seconds, texts, strict=True)]
        )
        found = []
        for each, line, some in zip(windows, lines, parts, strict=True):
            words = [
                word
                for part in some
                for word in spread_evenly(
                    to_text(part.tokens, spec).split(),
                    each.start + part.start,
                    each.start + part.end,
                    line.probability,
                )
            ]
            found.append(Window(each.start, each.end, tuple(words)))
        return found
