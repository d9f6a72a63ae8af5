"""Lessons of transcription: what is lost on a batch, and what the validation side hears.

Both are judged by the words that come out: by the word error rate, and where states are alike in
that, by the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from headstart.backbones.base import Backbone, Decoder, State
from headstart.heads.layer import HeadLayer
from headstart.metrics import word_accuracy
from headstart.modalities.audio_script import to_text
from headstart.normalise import plain
from headstart.precision import mixed
from headstart.schema import Phase, SpeechSpec
from headstart.speech.frames import BLANK, read_off
from headstart.speech.hearing import frame_logits, token_limit
from headstart.speech.lines import write
from headstart.speech.moments import STEP
from headstart.speech.words import text_of
from headstart.teaching import Judged
from headstart.trainer import Fetch

CALM = 16
EDGE = 1e-6
"""What a nat of loss counts against words: only where those are alike, as long as none is right."""

LISTENED = 200
"""Of so many validation clips at most the words are compared; the loss is of all."""


@dataclass(frozen=True)
class Spelling:
    """Learning to spell: characters frame by frame. `numbers` are the transcripts', spelt."""

    fetch: Fetch
    texts: Sequence[str]
    numbers: Sequence[np.ndarray]
    characters: tuple[str, ...]
    learning: np.ndarray
    validating: np.ndarray
    watch: Callable[[], float] | None = None

    def loss(
        self, backbone: Backbone, head: HeadLayer, pairs: Sequence[tuple[int, int]], phase: Phase
    ) -> torch.Tensor:
        """Return the loss over all ways of spelling the transcripts, by character."""
        with mixed(backbone.device):
            logits, mask = frame_logits(backbone, head, self.fetch(pairs), phase.boundary)
        return self._loss(logits, mask, [position for position, _ in pairs])

    def _loss(
        self, logits: torch.Tensor, mask: torch.Tensor, positions: Sequence[int]
    ) -> torch.Tensor:
        targets = [torch.from_numpy(self.numbers[position]) for position in positions]
        return F.ctc_loss(
            logits.float().log_softmax(2).transpose(0, 1),
            torch.cat(targets),
            mask.sum(1),
            torch.tensor([len(target) for target in targets]),
            blank=self.characters.index(BLANK),
            zero_infinity=True,
        )

    def judge(self, backbone: Backbone, head: HeadLayer, boundary: int) -> Judged | None:
        """Return the word accuracy and the loss of the validation side."""
        losses, written = self._listen(backbone, head, boundary)
        return _judged([self.texts[at] for at in self.validating], written, losses)

    def transcribe(
        self, backbone: Backbone, head: HeadLayer, boundary: int
    ) -> tuple[list[str], list[str]]:
        """Return what is said in the validation side, and what is written."""
        said = [self.texts[at] for at in self.validating]
        return said, self._listen(backbone, head, boundary)[1]

    def _listen(
        self, backbone: Backbone, head: HeadLayer, boundary: int
    ) -> tuple[list[float], list[str]]:
        losses, written = [], list[str]()
        with torch.inference_mode():
            for at in range(0, len(self.validating), CALM):
                some = self.validating[at : at + CALM].tolist()
                state = self.fetch([(position, 0) for position in some])
                logits, mask = frame_logits(backbone, head, state, boundary)
                losses += [float(self._loss(logits, mask, some))] * len(some)
                for rows, real in zip(logits, mask, strict=True):
                    words = read_off(rows[real].float().numpy(), self.characters, 0.0, STEP)
                    written.append(plain(text_of(words)))
        return losses, written


@dataclass(frozen=True)
class Dictation:
    """Learning to write: the decoder is fed each transcript and says how it goes on."""

    fetch: Fetch
    texts: Sequence[str]
    tokens: Sequence[np.ndarray]
    spec: SpeechSpec
    decoder: Decoder
    learning: np.ndarray
    validating: np.ndarray
    watch: Callable[[], float] | None = None

    def loss(
        self, backbone: Backbone, head: HeadLayer, pairs: Sequence[tuple[int, int]], phase: Phase
    ) -> torch.Tensor:
        """Return the mean cross-entropy of the transcripts' tokens."""
        with mixed(backbone.device):
            state = backbone(self.fetch(pairs), phase.boundary, backbone.hearing)
            scores, wanted = self._fed(backbone, state, [position for position, _ in pairs])
        return F.cross_entropy(scores.float(), wanted, label_smoothing=phase.smoothing)

    def _fed(
        self, backbone: Backbone, state: State, positions: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores of the tokens that follow the opening ones, and those tokens."""
        opening = len(self.spec.opening) + len(self.spec.closing)
        rows = [torch.from_numpy(self.tokens[position]) for position in positions]
        whole = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.spec.end)
        lengths = torch.tensor([len(row) for row in rows])
        place = torch.arange(whole.shape[1] - 1)[None]
        given = place < (lengths - 1)[:, None]
        state = {**state, "tokens": whole[:, :-1], "given": given}
        scores = self.decoder.scores(backbone(state, backbone.hearing))
        asked = given & (place >= opening - 1)
        return scores[asked.to(scores.device)], whole[:, 1:][asked].to(scores.device)

    def judge(self, backbone: Backbone, head: HeadLayer, boundary: int) -> Judged | None:
        """Return the word accuracy and the loss of the validation side."""
        losses = []
        with torch.inference_mode():
            for some, state in self._heard(backbone, boundary):
                scores, wanted = self._fed(backbone, state, some)
                losses += [float(F.cross_entropy(scores.float(), wanted))] * len(some)
        return _judged(*self.transcribe(backbone, head, boundary), losses)

    def transcribe(
        self, backbone: Backbone, head: HeadLayer, boundary: int
    ) -> tuple[list[str], list[str]]:
        """Return what is said in the validation side, and what is written."""
        said, written = list[str](), list[str]()
        with torch.inference_mode():
            for some, state in self._heard(backbone, boundary):
                seconds = float(state["heard"].sum(1).max()) * STEP
                limit = token_limit(seconds, self.spec)
                lines = write(self.decoder, state["x"], self.spec, limit)
                written += [plain(to_text(line.tokens, self.spec)) for line in lines]
                said += [self.texts[position] for position in some]
                if len(written) >= LISTENED:
                    break
        return said, written

    def _heard(self, backbone: Backbone, boundary: int) -> Iterator[tuple[list[int], State]]:
        """Yield the validation side in batches, with what the stages before the decoder give."""
        for at in range(0, len(self.validating), CALM):
            some = self.validating[at : at + CALM].tolist()
            state = self.fetch([(position, 0) for position in some])
            yield some, backbone(state, boundary, backbone.hearing)


def _judged(said: Sequence[str], written: Sequence[str], losses: Sequence[float]) -> Judged | None:
    loss = float(np.mean(losses))
    if not np.isfinite(loss):
        return None
    return Judged(word_accuracy(said, written) - EDGE * loss, np.zeros((0, 0), np.float32))
