"""Learning to write down what is said: a head of characters, or the decoder that a backbone has.

The strategies are those of classification; what they call the head is here the layer that spells,
or the decoder. Neither is solved: each is trained on what the stages below give, which is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from headstart import defaults
from headstart.activations import PLAIN, at_boundary
from headstart.adapters import Adapters, insert
from headstart.backbones.base import Backbone, Characters
from headstart.backbones.source import fresh_weights, open_writer
from headstart.dataset.splits import seal
from headstart.errors import DataError, UnreadableInput, UserError
from headstart.heads import Head
from headstart.heads.layer import HeadLayer
from headstart.job import Job, group_numbers
from headstart.journal import Journal, Nowhere
from headstart.metrics import draw, measure_transcripts
from headstart.modalities.audio_listen import longest, seconds_of
from headstart.modalities.audio_script import to_tokens
from headstart.modalities.base import Modality
from headstart.normalise import plain
from headstart.precision import choose
from headstart.progress import Progress, Silent
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Choice, Phase, Sample, SpeechSpec
from headstart.speech.frames import characters_of, frames_needed, spell
from headstart.speech.hearing import speech_spec
from headstart.speech.lines import hear_language, most_often
from headstart.speech.model import Scribe
from headstart.teaching import Outcome
from headstart.trainer import Fetch, train
from headstart.writing.lessons import Dictation, Spelling
from headstart.writing.plan import plan_writing

ASKED = 64
"""So many clips are asked for their language."""

NEARLY = 0.8
"""From this share of the usual number of frames on it is counted how many a recording gives."""


def learn_to_write(
    job: Job,
    *,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
    journal: Journal | Nowhere | None = None,
) -> Scribe:
    """Run a job's strategy on recordings with transcripts and return the model."""
    work = _Writing(job, backbone or open_writer(job.backbone, offline=job.offline), progress)
    return work.run(journal or Nowhere())


class _Writing:
    """One job under way: what its phases share."""

    def __init__(self, job: Job, backbone: Backbone, progress: Progress | None) -> None:
        self.job, self.backbone, self.progress = job, backbone, progress or Silent()
        self.begun = time.perf_counter()
        self.modality: Modality = MODALITIES.get(job.modality)()
        self.reference = backbone.fingerprint()
        self.phases = plan_writing(job, backbone)
        refuse_long(job.samples, backbone)
        groups = group_numbers(job.samples)
        share = defaults.validation_share(len(job.samples))
        everyone = np.zeros(len(groups), np.int64)
        self.learning, self.validating = seal(everyone, groups, share=share, seed=job.seed)
        if not len(self.validating):
            raise DataError(
                f"The {len(job.samples)} recordings to learn from all belong together, so none can "
                "be held back to choose by.",
                "Add recordings that differ, or group them more finely.",
            )
        self.groups = groups
        self.texts = [plain(sample.target.text) for sample in job.samples]
        self.precision = choose(backbone, self.modality)
        self.adapters: Adapters | None = None
        self.characters: tuple[str, ...] = ()
        if backbone.decoder is None:
            known = backbone.characters
            self.characters = known.spelt if known else characters_of(self.texts)
            self.numbers = [spell(text, self.characters) for text in self.texts]
            self.layer = spelling_layer(backbone, self.characters, known, job.seed)
            refuse_crowded(job.samples, self.numbers, backbone, self.modality)
        else:
            self.layer = HeadLayer((), 1, 0)
            settle_language(backbone, self.fetch_at(backbone.hearing), len(job.samples))
            spec = speech_spec(backbone)
            self.tokens = [
                np.array(to_tokens(sample.target.text, spec), np.int64) for sample in job.samples
            ]

    def fetch_at(self, boundary: int) -> Fetch:
        """Return how to fetch the states at a boundary: kept, as far as there is room."""
        return at_boundary(
            self.job.samples,
            self.modality,
            self.backbone,
            boundary,
            PLAIN,
            self.precision,
            self.progress,
        )

    def run(self, journal: Journal | Nowhere) -> Scribe:
        """Run the phases in order and return the model."""
        choices = []
        for at, phase in enumerate(self.phases):
            begun = time.perf_counter()
            outcome = self.train(phase, journal.within(f"phase-{at}"))
            choices.append(self.judge(phase, outcome, time.perf_counter() - begun))
        moved = self.backbone.fingerprint() != self.reference
        return Scribe(
            self.modality,
            self.backbone,
            TASKS.get(self.job.task)(),
            self.layer.head(1.0),
            self.characters,
            self.job.strategy,
            self.precision,
            trained=not self.adapters and moved,
            adapters=self.adapters,
            choices=tuple(choices),
        )

    def train(self, phase: Phase, journal: Journal | Nowhere) -> Outcome:
        """Run one phase from the boundary up."""
        job, backbone = self.job, self.backbone
        if phase.fresh:
            fresh_weights(backbone, phase.boundary, job.seed)
            if backbone.decoder is not None:  # what is learnt anew knows no moments
                settle(backbone, replace(speech_spec(backbone), moments=0))
        fetch = self.fetch_at(min(phase.boundary, backbone.hearing))
        if phase.adapters and self.adapters is None:
            self.adapters = insert(
                backbone, phase.boundary, phase.adapters, fetch([(0, 0)]), job.seed
            )
        left = None if job.seconds is None else self.begun + job.seconds
        return train(
            phase,
            backbone,
            self.layer,
            self.lesson(fetch, phase),
            seed=job.seed,
            deadline=left,
            progress=self.progress,
            page=journal.page("epochs"),
        )

    def lesson(self, fetch: Fetch, phase: Phase) -> Spelling | Dictation:
        """Return what is learnt; an epoch goes over few clips several times before it is judged."""
        times = defaults.writing_passes(len(self.learning))
        learning = np.tile(self.learning, times)
        if self.backbone.decoder is None:
            return Spelling(
                fetch, self.texts, self.numbers, self.characters, learning, self.validating
            )
        spec, decoder = speech_spec(self.backbone), self.backbone.decoder
        return Dictation(fetch, self.texts, self.tokens, spec, decoder, learning, self.validating)

    def judge(self, phase: Phase, outcome: Outcome, seconds: float) -> Choice:
        """Return what a phase came to: the word accuracy of the validation side, as it was kept."""
        boundary = min(phase.boundary, self.backbone.hearing)
        lesson = self.lesson(self.fetch_at(boundary), phase)
        said, written = lesson.transcribe(self.backbone, self.layer, boundary)
        groups = [str(self.groups[at]) for at in self.validating[: len(said)]]
        resamples = draw(groups, len(said), seed=self.job.seed)
        figure = measure_transcripts(said, written, resamples)["word_accuracy"]
        why = f"epoch {outcome.kept} of {len(outcome.epochs)} validated best; {outcome.stopped}"
        if outcome.kept == 0:
            why = f"no epoch of {len(outcome.epochs)} validated better than the start"
        return Choice(phase.name, figure.value, figure.low, figure.high, seconds, True, why)


def refuse_long(samples: Sequence[Sample], backbone: Backbone) -> None:
    """Refuse recordings longer than is heard at once: which words are where is not known."""
    most = longest(backbone.spec)
    for sample in samples:
        try:
            seconds = seconds_of(sample.input)
        except UnreadableInput:
            continue  # said with its cause where it is read
        if seconds > most:
            raise DataError(
                f"{sample.name} lasts {seconds:.1f} s, and {backbone.name} hears {most:g} s at "
                "once; to learn from, a transcript must be of what is heard at once.",
                "Cut it into parts with a row each (columns start and end, in seconds).",
            )


def refuse_crowded(
    samples: Sequence[Sample],
    numbers: Sequence[np.ndarray],
    backbone: Backbone,
    modality: Modality,
) -> None:
    """Refuse transcripts of more characters than their recording has frames to spell them in.

    No way of spreading such a text over the frames exists, so nothing would be learnt from it, in
    silence. Only where it is close is a recording itself asked how many frames it gives.
    """
    sound = modality.golden(backbone.spec, seed=0, count=1)[0]
    usual = count_frames(sound, backbone, modality) / seconds_of(sound)
    crowded = []
    for at, (sample, spelt) in enumerate(zip(samples, numbers, strict=True)):
        needed = frames_needed(spelt)
        if needed > NEARLY * usual * seconds_of(sample.input):
            given = count_frames(modality.read(sample.input), backbone, modality)
            if needed > given:
                crowded.append((at, needed, given))
    if crowded:
        at, needed, given = crowded[0]
        more = f" (and {len(crowded) - 1:,} more like it)" if len(crowded) > 1 else ""
        raise DataError(
            f"{backbone.name} hears {given:,} frames in {samples[at].name}, which lasts "
            f"{seconds_of(samples[at].input):.1f} s, and its transcript takes {needed:,}, one a "
            f"character: '{plain(samples[at].target.text)[:60]}'{more}.",
            "Look whether the transcript is of this recording, and at start and end; or take such "
            "rows out, or choose a backbone of more frames a second.",
        )


def count_frames(sound: Any, backbone: Backbone, modality: Modality) -> int:
    """Return how many frames a backbone gives of a sound."""
    state = modality.collate([modality.prepare(sound, backbone.spec)], backbone.spec)
    with torch.inference_mode():
        return int(backbone(state)["mask"].sum())


def spelling_layer(
    backbone: Backbone, characters: tuple[str, ...], known: Characters | None, seed: int
) -> HeadLayer:
    """Return the checkpoint's own layer that spells, or a fresh one."""
    readings = [(backbone.depth, "frames")]
    if known is not None:
        width = known.weight.shape[1]
        return HeadLayer.of(
            Head(
                tuple(readings),
                np.zeros(width, np.float32),
                np.ones(width, np.float32),
                known.weight.numpy().T.copy(),
                known.bias.numpy().copy(),
            )
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return HeadLayer(readings, frame_width(backbone), len(characters))


def frame_width(backbone: Backbone) -> int:
    """Return how many channels a frame of the last stage has."""
    modality: Modality = MODALITIES.get(backbone.spec.modality)()
    raw = modality.golden(backbone.spec, seed=0, count=1)[0]
    state = modality.collate([modality.prepare(raw, backbone.spec)], backbone.spec)
    with torch.inference_mode():
        x = backbone(state)["x"]
    if x.dim() != 3:
        raise UserError(
            f"{backbone.name} gives maps, not frames, and nothing can be spelt of those.",
            "Choose another backbone, such as one of wav2vec2 or Whisper.",
        )
    return int(x.shape[2])


def settle_language(backbone: Backbone, fetch: Fetch, count: int) -> None:
    """Find the language that most clips are in, where a checkpoint writes several."""
    spec, decoder = speech_spec(backbone), backbone.decoder
    if not spec.languages or decoder is None:
        return
    heard: list[int] = []
    for at in np.linspace(0, count - 1, min(count, ASKED)).astype(int):
        source = fetch([(int(at), 0)])["x"].to(backbone.device)
        heard += hear_language(decoder, source, spec)
    settle(backbone, spec.in_language(most_often(heard)))


def settle(backbone: Backbone, spec: SpeechSpec) -> None:
    """Give a backbone the specification by which it writes from now on."""
    backbone.spec = spec
    backbone.recipe = {**backbone.recipe, "spec": backbone.spec.to_json()}
    backbone.changed()
