"""Looking on while a model is trained: how well samples are answered that nothing is decided by.

What is seen becomes the curve of a race. The time that looking takes counts for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from headstart.activations import PLAIN, at_boundary
from headstart.backbones.base import Backbone
from headstart.heads import Head
from headstart.heads.layer import HeadLayer
from headstart.modalities.base import Modality
from headstart.schema import Phase, Point, Sample
from headstart.tasks.base import Task
from headstart.trainer import Epoch, predict

Vectors = Callable[[Head, Sequence[Sample]], np.ndarray]


class Watch:
    """Samples that are looked at, and the points that came of it."""

    def __init__(self, samples: Sequence[Sample], task: Task, labels: tuple[str, ...]) -> None:
        self.samples, self.task = samples, task
        self.truth = task.encode([sample.target for sample in samples], labels)
        self.points: list[Point] = []
        self.took = 0.0  # seconds of learning so far
        self.looking = 0.0  # seconds of looking so far

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Look away for a while: what a rehearsal comes to is no part of the curve."""
        samples, self.samples = self.samples, ()
        try:
            yield
        finally:
            self.samples = samples

    def score(self, logits: np.ndarray) -> float:
        """Return the headline of the watched."""
        return float(self.task.score(self.task.probabilities(logits, 1.0), self.truth))

    def solved(self, phase: Phase, seconds: float, head: Head, vectors: Vectors) -> None:
        """Note how well a head does that was solved in so many seconds, on its vectors of them."""
        self.took += seconds
        if self.samples:
            begun = time.perf_counter()
            value = self.score(head.logits(vectors(head, self.samples)))
            self.points.append(Point(phase.name, 0, self.took, value))
            self.looking += time.perf_counter() - begun

    def during(
        self,
        phase: Phase,
        layer: HeadLayer,
        modality: Modality,
        backbone: Backbone,
        precision: str,
    ) -> Callable[[], float] | None:
        """Return how to look while a phase goes on; None where nothing is watched."""
        if not self.samples:
            return None
        begun, boundary = time.perf_counter(), phase.boundary
        fetch = at_boundary(self.samples, modality, backbone, boundary, PLAIN, precision)
        self.looking += time.perf_counter() - begun
        everyone = np.arange(len(self.samples))

        def look() -> float:
            begun = time.perf_counter()
            value = self.score(predict(backbone, layer, fetch, boundary, everyone))
            self.looking += time.perf_counter() - begun
            return value

        return look

    def trained(self, phase: Phase, epochs: Sequence[Epoch], ready: float) -> None:
        """Note what was seen in the epochs of a phase that was ready to begin after `ready`."""
        self.took += ready
        for epoch in epochs:
            self.took += epoch.seconds
            if epoch.watched is not None:
                self.points.append(Point(phase.name, epoch.number, self.took, epoch.watched))
