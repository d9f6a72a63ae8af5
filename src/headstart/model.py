"""A model: modality + backbone + head + labels, and what it says of new inputs.

Nothing here trains. A model is made by `learn`, kept by `model_folder`, and asked by `predict`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart.adapters import Adapters
from headstart.asked import Located, Passage
from headstart.backbones.base import ROWS, Backbone
from headstart.dataset import read_inputs
from headstart.errors import UnreadableInput
from headstart.features import BATCH, Readings, forward_all, in_turns
from headstart.heads import Head
from headstart.modalities.base import Arrays, Modality
from headstart.novelty import Novelty
from headstart.precision import at_precision
from headstart.ragged import Ragged, Rows, end_to_end, flat
from headstart.schema import Choice, Point, Prediction, Sample, Unreadable
from headstart.tasks.base import Task


@dataclass(repr=False)
class Model:
    """What `fit` hands over. `evaluation` is the content of `evaluation.json`.

    `trained` says that the backbone's weights are no longer those its name stands for, so they
    travel in the model folder; `adapters` are those trained beside weights that stayed. `strategy`
    names how the model was made, in `seconds` of learning; `curve` is what was seen meanwhile of
    samples that were only watched.
    """

    modality: Modality
    backbone: Backbone
    task: Task
    head: Head
    labels: tuple[str, ...]
    strategy: str
    precision: str
    trained: bool = False
    adapters: Adapters | None = None
    novelty: Novelty | None = None
    choices: tuple[Choice, ...] = ()
    evaluation: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, dict[str, str]] = field(default_factory=dict)
    out_of_fold: np.ndarray | None = None
    curve: tuple[Point, ...] = ()
    seconds: float = 0.0

    def __repr__(self) -> str:
        """Return one line: a notebook shows this after `fit`."""
        labels = self.task.spoken(self.labels)
        shown = ", ".join(labels[:6]) + (", …" if len(labels) > 6 else "")
        return (
            f"<Model: {self.task.name} ({len(labels)} labels: {shown}), "
            f"{self.strategy} on {self.backbone.name}>"
        )

    def judge(self, vectors: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows' probabilities and whether each input is known, from their vectors."""
        logits = self.head.logits(flat(vectors))
        probabilities = self.task.probabilities(logits, self.head.temperature)
        if self.novelty is None:
            return probabilities, np.ones(len(vectors), dtype=bool)
        return probabilities, self.novelty.known(vectors)

    def predict(self, inputs: Any) -> list[Prediction]:
        """Say what each input is: paths, folders, or the things themselves (pictures, arrays).

        >>> model = hs.load("bees/")                                    # doctest: +SKIP
        >>> model.predict(["new.jpg"])                                  # doctest: +SKIP
        [Prediction(input='new.jpg', label='bee', probability=0.97, ...)]
        """
        return list(self.stream(inputs))

    def stream(
        self, inputs: Any, set_aside: list[Unreadable] | None = None
    ) -> Iterator[Prediction]:
        """Yield predictions as they are made; memory stays bounded however many inputs there are.

        What cannot be read raises `UnreadableInput`, unless a list is given to set it aside in.
        """
        for batch in self._read(self._samples(inputs), set_aside):
            yield from self._say(batch)

    def features(self, inputs: Any) -> np.ndarray:
        """Return the vectors that the head stands on: of each input one, or one for each row."""
        batches = self._read(self._samples(inputs), None)
        return np.concatenate([self._vectors(batch).values for batch in batches])

    def merge(self) -> None:
        """Add what adapters do to the backbone's own weights, which then travel with the model."""
        if self.adapters is not None:
            self.adapters.merge()
            self.adapters, self.trained = None, True

    def save(self, folder: str | Path, *, self_contained: bool = False) -> Path:
        """Write the model folder; see `headstart.model_folder`."""
        from headstart.model_folder import save

        return save(self, Path(folder), self_contained=self_contained)

    def _samples(self, inputs: Any) -> list[Sample]:
        path = isinstance(inputs, str | os.PathLike)
        # One array is one picture, not a list of its rows.
        alone = not path and self.modality.accepts(inputs)
        found = read_inputs(
            [inputs] if alone else inputs, self.modality.suffixes, inline=self.modality.inline
        )
        asked = [replace(sample, input=self.task.ask(sample.input)) for sample in found]
        return [
            replace(each, name=each.input.question) if isinstance(each.input, Passage) else each
            for each in asked
        ]

    def _prepare(self, sample: Sample) -> tuple[_Asked, list[Arrays] | UnreadableInput]:
        try:
            raw = self.modality.read(sample.input)
            windows = self.modality.windows(raw, self.backbone.spec)
        except UnreadableInput as error:
            return _Asked(sample.name), error
        marked = ROWS in windows[0]
        located = self.modality.locate(raw, self.backbone.spec) if marked else None
        return _Asked(sample.name, located), windows

    def _read(
        self, samples: Sequence[Sample], set_aside: list[Unreadable] | None
    ) -> Iterator[list[tuple[_Asked, Readings]]]:
        """Yield the names and readings of samples, in order, as many at a time as are ready."""

        def turns() -> Iterator[list[tuple[_Asked, list[Arrays]]]]:
            for outcomes in in_turns(self._prepare, samples, BATCH):
                readable: list[tuple[_Asked, list[Arrays]]] = []
                for asked, prepared in outcomes:
                    if not isinstance(prepared, UnreadableInput):
                        readable.append((asked, prepared))
                    elif set_aside is None:
                        raise prepared
                    else:
                        set_aside.append(Unreadable(asked.name, prepared.message))
                yield readable

        wanted = {boundary for boundary, _ in self.head.readings}
        with at_precision(self.backbone, self.precision):
            yield from forward_all(turns(), self.modality, self.backbone, self.precision, wanted)

    def _vectors(self, batch: Sequence[tuple[_Asked, Readings]]) -> Ragged:
        parts = [
            self.head.read({reading: np.atleast_2d(each) for reading, each in rows.items()})
            for _, rows in batch
        ]
        return end_to_end(parts)

    def _say(self, batch: Sequence[tuple[_Asked, Readings]]) -> Iterator[Prediction]:
        vectors = self._vectors(batch)
        probabilities, known = self.judge(vectors)
        yield from self.task.say(
            [asked.name for asked, _ in batch],
            [asked.located for asked, _ in batch],
            Ragged(probabilities, vectors.counts).apart(),
            known.tolist(),
            self.labels,
        )


@dataclass(frozen=True)
class _Asked:
    """An input on its way to its answer: what it is called, and where its rows stand."""

    name: str
    located: Located | None = None
