"""Opening data: of which kind they are, what can be read of them, and a test sealed at once.

`fit` and `race` begin here, `explain` goes half the way. Whatever is chosen afterwards is chosen on
the training side alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from headstart import dataset, devices, features
from headstart.backbones.base import Backbone
from headstart.backbones.source import open_backbone, open_writer
from headstart.dataset import Dataset, splits
from headstart.errors import DataError
from headstart.evaluate import name_of, raise_none_readable, raise_strict
from headstart.features import Survey
from headstart.modalities.base import Modality
from headstart.progress import Progress
from headstart.recognise import recognise, require_fitting, transcript_column
from headstart.registry import TASKS
from headstart.schema import SINGLE, SPEECH, Sample, Unreadable
from headstart.tasks.base import Task, refuse_other_task

TEST_SHARE = 0.2


@dataclass(frozen=True)
class Opened:
    """Data as they were listed, and a backbone that takes them; nothing was computed yet.

    `source` is where the backbone was opened from, and can be again. `task` is what the data are
    thought to be for, until the targets are looked at.
    """

    name: str
    modality: Modality
    found: Dataset
    backbone: Backbone
    source: str
    task: str

    @property
    def count(self) -> int:
        """Return how many inputs there are, the person's own test counted."""
        return len(self.found.samples) + len(self.found.test or ())


@dataclass(frozen=True)
class Sides:
    """The data cut in two: what may be learnt from, and what is opened once.

    `twins` are the groups of near-duplicates, as positions in what was read (to learn from, then
    the user's own test). `across` names the groups with members on both sides, which only a user's
    own split can have.
    """

    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    sentence: str
    twins: list[list[int]]
    across: frozenset[str]


@dataclass(frozen=True)
class Sealed:
    """Data that was read once, with its test sealed, and what is asked of it.

    `learning` and `testing` are what the pass over the data found (the latter of the person's own
    test, if there is one), and `seconds` is what that pass took.
    """

    sides: Sides
    task: Task
    labels: tuple[str, ...]
    learning: Survey
    testing: Survey | None
    set_aside: tuple[Unreadable, ...]
    seconds: float


def open_data(
    data: Any,
    *,
    backbone: str | None,
    test: Any,
    image: str | None,
    audio: str | None,
    text: str | Sequence[str] | None,
    label: str | Sequence[str] | None,
    group: str | None,
    separator: str | None,
    offline: bool,
    device: str | None,
    progress: Progress,
) -> Opened:
    """List the data and open the backbone for them; refuse what does not go together."""
    where = devices.choose(device)
    columns = {"image": image, "audio": audio, "text": text}
    modality, column = recognise(data, columns)
    transcript = transcript_column(columns)
    found = dataset.read(
        data,
        suffixes=modality.suffixes,
        inline=modality.inline,
        timed=modality.timed,
        input_column=column,
        label=label,
        group=group,
        separator=separator,
        transcript=transcript,
        test=test,
    )
    for note in found.notes:
        progress.say(note)
    source = backbone or f"bundled/{modality.name}"
    opened = (open_writer if transcript else open_backbone)(source, offline=offline)
    require_fitting(opened, modality, name_of(data))
    opened.to(where)
    if told := devices.describe(where):
        progress.say(told)
    task = SPEECH if transcript else SINGLE
    return Opened(name_of(data), modality, found, opened, source, task)


def seal_test(
    opened: Opened, *, task: str | None, seed: int, strict: bool, progress: Progress
) -> Sealed:
    """Read everything once, group near-duplicates, and seal the test."""
    found, modality, begun = opened.found, opened.modality, time.perf_counter()
    learning = features.survey(found.samples, modality, opened.backbone, progress)
    testing = (
        features.survey(found.test, modality, opened.backbone, progress) if found.test else None
    )
    seconds = time.perf_counter() - begun
    set_aside = (*found.set_aside, *learning.set_aside, *(testing.set_aside if testing else ()))
    if strict and set_aside:
        raise_strict(set_aside[0].name, set_aside[0].why, len(set_aside))
    dataset.require_trainable(learning.samples, multi=found.multi)
    if testing and not testing.samples:
        raise_none_readable(testing.set_aside)
    kind = _task(task, learning.samples, progress)
    learning = _placed(learning, kind, opened)
    testing = _placed(testing, kind, opened) if testing else None
    labels = kind.labels([sample.target for sample in learning.samples])
    sides = _divide(learning, testing, kind, labels, modality, seed)
    progress.say(sides.sentence)
    return Sealed(sides, kind, labels, learning, testing, set_aside, seconds)


def _task(name: str | None, samples: Sequence[Sample], progress: Progress) -> Task:
    """Return the task that was asked for, or the first that the targets look like, said aloud."""
    targets = [sample.target for sample in samples]
    if name is not None:
        chosen: Task = TASKS.get(name)()
        refuse_other_task(chosen, targets)
        return chosen
    chosen = next(task for task in (TASKS.get(n)() for n in TASKS.names()) if task.suits(targets))
    progress.say(f"Task: {chosen.name}, judged by {chosen.headline}.")
    return chosen


def _placed(found: Survey, task: Task, opened: Opened) -> Survey:
    """Return a survey whose targets say where their rows stand, if the task has to know."""
    samples = task.place(found.samples, opened.modality, opened.backbone.spec)
    return replace(found, samples=samples)


def _divide(
    learning: Survey,
    testing: Survey | None,
    task: Task,
    labels: tuple[str, ...],
    modality: Modality,
    seed: int,
) -> Sides:
    """Group near-duplicates, then take the user's own test or seal a fifth; groups stay whole."""
    own = testing.samples if testing else ()
    samples = [*learning.samples, *own]
    keys = [sample.key for sample in samples]
    twins = modality.twins(learning.sketches.gather("sketch", keys))
    groups = splits.join_groups(samples, twins)
    grouped = [
        replace(sample, group=str(number)) for sample, number in zip(samples, groups, strict=True)
    ]
    if own:
        cut = len(learning.samples)
        across = frozenset(groups[:cut]) & frozenset(groups[cut:])
        return Sides(
            tuple(grouped[:cut]),
            tuple(grouped[cut:]),
            f"Test: your own {len(own):,}, by which nothing is chosen.",
            twins,
            frozenset(str(number) for number in across),
        )
    encoded = task.encode([sample.target for sample in grouped], labels)
    train, test = splits.seal(task.mix(encoded), groups, share=TEST_SHARE, seed=seed)
    if not len(test):
        raise DataError(
            f"None of the {len(grouped):,} examples can be set apart as a test: those of a class "
            "all belong together (one group, or near-duplicates of each other).",
            "Add examples that differ, group them more finely, or give test data of your own.",
        )
    sets = "1 group of near-duplicates stays" if len(twins) == 1 else ""
    sets = sets or f"{len(twins):,} groups of near-duplicates stay"
    alike = f"; {sets} on one side" if twins else ""
    return Sides(
        tuple(grouped[at] for at in train),
        tuple(grouped[at] for at in test),
        f"Test: {len(test):,} of {len(grouped):,} sealed before anything is chosen{alike}.",
        twins,
        frozenset(),
    )
