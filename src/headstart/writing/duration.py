"""Roughly how long learning to write takes here: a step is timed, and listening to a few clips.

What a step costs goes with how long clips and transcripts are, so it is timed on some of those that
are there. A model that cannot write yet goes on to the last token that it may; such a one is timed
as it is.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from headstart import defaults
from headstart.backbones.base import Backbone, State
from headstart.cost import LIKELY
from headstart.errors import UnreadableInput
from headstart.freezing import freeze
from headstart.heads.layer import HeadLayer
from headstart.modalities.audio_listen import longest, seconds_of
from headstart.modalities.audio_script import to_tokens
from headstart.modalities.base import Modality
from headstart.normalise import plain
from headstart.schema import Phase, Sample
from headstart.speech.frames import characters_of, spell
from headstart.speech.hearing import speech_spec
from headstart.writing.learning import spelling_layer
from headstart.writing.lessons import LISTENED, Dictation, Spelling

SOME = 8


def expect_seconds(
    samples: Sequence[Sample], phases: Sequence[Phase], backbone: Backbone, modality: Modality
) -> float:
    """Return roughly how long phases take on so many samples, plateaus reckoned with."""
    some = [each for each in samples[: 4 * SOME] if _heard(each, backbone, modality)][:SOME]
    if not some:
        return 0.0
    total = 0.0
    share = defaults.validation_share(len(samples))
    asked = min(LISTENED, round(len(samples) * share))
    taught = (len(samples) - asked) * defaults.writing_passes(len(samples))
    for phase in phases:
        below, step, look = _time(phase, some, backbone, modality)
        epoch = step * taught / len(some) + look * asked / len(some)
        total += len(samples) * below / len(some) + LIKELY * phase.epochs * epoch
    return total


def _heard(sample: Sample, backbone: Backbone, modality: Modality) -> bool:
    try:
        fits = seconds_of(sample.input) <= longest(backbone.spec)
        modality.read(sample.input)
    except UnreadableInput:  # `fit` sets it aside
        return False
    return fits


def _time(
    phase: Phase, some: Sequence[Sample], backbone: Backbone, modality: Modality
) -> tuple[float, float, float]:
    """Return what some clips take: below the boundary, in a step, and to be transcribed."""
    boundary = min(phase.boundary, backbone.hearing)
    begun = time.perf_counter()
    arrays = [modality.prepare(modality.read(sample.input), backbone.spec) for sample in some]
    with torch.no_grad():
        state = backbone(modality.collate(arrays, backbone.spec), stop=boundary)
    below = time.perf_counter() - begun
    lesson, layer = _lesson(some, backbone, state)
    pairs = [(at, 0) for at in range(len(some))]
    freeze(backbone, phase.boundary)
    try:
        begun = time.perf_counter()
        lesson.loss(backbone, layer, pairs, phase).backward()  # type: ignore[no-untyped-call]
        step = time.perf_counter() - begun
    finally:
        backbone.module.eval()
        backbone.module.requires_grad_(False)
        backbone.module.zero_grad(set_to_none=True)
    begun = time.perf_counter()
    lesson.transcribe(backbone, layer, boundary)
    return below, step, time.perf_counter() - begun


def _lesson(
    some: Sequence[Sample], backbone: Backbone, state: State
) -> tuple[Spelling | Dictation, HeadLayer]:
    texts, everyone = [plain(sample.target.text) for sample in some], np.arange(len(some))

    def fetch(pairs: Sequence[tuple[int, int]]) -> State:
        rows = [position for position, _ in pairs]
        return {name: tensor[rows] for name, tensor in state.items()}

    if backbone.decoder is not None:
        spec = speech_spec(backbone)
        tokens = [np.array(to_tokens(sample.target.text, spec), np.int64) for sample in some]
        return (
            Dictation(fetch, texts, tokens, spec, backbone.decoder, everyone, everyone),
            HeadLayer((), 1, 0),
        )
    known = backbone.characters
    characters = known.spelt if known else characters_of(texts)
    numbers = [spell(text, characters) for text in texts]
    layer = spelling_layer(backbone, characters, known, seed=0)
    return Spelling(fetch, texts, numbers, characters, everyone, everyone), layer
