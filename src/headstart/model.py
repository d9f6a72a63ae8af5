"""A model: modality + backbone + head + labels, and what it says of new inputs.

Nothing here trains. A model is made by `learn`, kept by `model_folder`, and asked by `predict`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headstart.adapters import Adapters
from headstart.backbones.base import Backbone
from headstart.dataset import read_inputs
from headstart.errors import UnreadableInput
from headstart.features import BATCH, Readings, forward_all, in_turns
from headstart.heads import Head
from headstart.modalities.base import Arrays, Modality
from headstart.novelty import Novelty
from headstart.precision import at_precision
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
        shown = ", ".join(self.labels[:6]) + (", …" if len(self.labels) > 6 else "")
        return (
            f"<Model: {self.task.name} ({len(self.labels)} labels: {shown}), "
            f"{self.strategy} on {self.backbone.name}>"
        )

    def judge(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities and whether each row is known, for vectors made by `head.read`."""
        probabilities = self.task.probabilities(self.head.logits(vectors), self.head.temperature)
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
        """Return the vectors that the head stands on, a row an input."""
        batches = self._read(self._samples(inputs), None)
        return np.concatenate([self._vectors(batch) for batch in batches])

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
        return read_inputs(
            [inputs] if alone else inputs, self.modality.suffixes, inline=self.modality.inline
        )

    def _prepare(self, sample: Sample) -> tuple[Sample, list[Arrays] | UnreadableInput]:
        try:
            raw = self.modality.read(sample.input)
            return sample, self.modality.windows(raw, self.backbone.spec)
        except UnreadableInput as error:
            return sample, error

    def _read(
        self, samples: Sequence[Sample], set_aside: list[Unreadable] | None
    ) -> Iterator[list[tuple[str, Readings]]]:
        """Yield the names and readings of samples, in order, as many at a time as are ready."""

        def turns() -> Iterator[list[tuple[str, list[Arrays]]]]:
            for outcomes in in_turns(self._prepare, samples, BATCH):
                readable: list[tuple[str, list[Arrays]]] = []
                for sample, prepared in outcomes:
                    if not isinstance(prepared, UnreadableInput):
                        readable.append((sample.name, prepared))
                    elif set_aside is None:
                        raise prepared
                    else:
                        set_aside.append(Unreadable(sample.name, prepared.message))
                yield readable

        wanted = {boundary for boundary, _ in self.head.readings}
        with at_precision(self.backbone, self.precision):
            yield from forward_all(turns(), self.modality, self.backbone, self.precision, wanted)

    def _vectors(self, batch: Sequence[tuple[str, Readings]]) -> np.ndarray:
        names = batch[0][1]
        return self.head.read(
            {reading: np.stack([rows[reading] for _, rows in batch]) for reading in names}
        )

    def _say(self, batch: Sequence[tuple[str, Readings]]) -> Iterator[Prediction]:
        probabilities, known = self.judge(self._vectors(batch))
        said = self.task.decode(probabilities, self.labels)
        for (name, _), row, (label, probability), seen in zip(
            batch, probabilities, said, known, strict=True
        ):
            yield Prediction(
                name,
                label,
                probability,
                dict(zip(self.labels, map(float, row), strict=True)),
                bool(seen),
            )
