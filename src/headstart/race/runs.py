"""What is run: one strategy on one draw, watched on the sealed test as it learns, then judged.

Nothing is chosen by the test. A run begins from the weights that the backbone came with, so runs
may come in any order, and what has been run is not run again.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from headstart import features, metrics
from headstart.backbones.base import Backbone
from headstart.choose import make
from headstart.job import Job, group_numbers
from headstart.journal import Journal, Nowhere
from headstart.keep import blend, state_of
from headstart.model import Model
from headstart.opening import Sealed
from headstart.progress import Silent
from headstart.race.draws import Draws
from headstart.race.plan import Run

Answer = dict[str, Any]
"""What came of a run or a baseline, ready for JSON; `draws` are its headline under resamples."""

DIGITS = 6


class Judge:
    """The sealed test, and what answers to it are worth; the same resamples for all of them."""

    def __init__(self, sealed: Sealed) -> None:
        self.samples, self.task, self.labels = sealed.sides.test, sealed.task, sealed.labels
        self.truth = self.task.encode([each.target for each in self.samples], self.labels)
        self.names = [sample.name for sample in self.samples]
        self.groups = [str(number) for number in group_numbers(self.samples)]
        self.resamples = metrics.draw(
            self.groups, len(self.samples), columns=len(self.labels), seed=0
        )

    def figures(self, probabilities: np.ndarray) -> dict[str, Any]:
        """Return every figure of some answers with its interval."""
        found = self.task.evaluate(
            probabilities, self.truth, self.labels, self.names, self.groups, 0
        )
        return {name: asdict(figure) for name, figure in found.figures.items()}

    def draws(self, logits: np.ndarray) -> list[float]:
        """Return the headline of some answers, and then that of each resample of the test."""
        values = self.task.score_logits(logits, self.truth, self.resamples.weights)
        return [round(float(value), DIGITS) for value in values]


class Track:
    """Where runs are run: one backbone, rewound before each."""

    def __init__(self, job: Job, backbone: Backbone, draws: Draws, judge: Judge) -> None:
        self.job, self.backbone, self.draws, self.judge = job, backbone, draws, judge
        self.before = state_of({"body": backbone.module})
        self.moved = False

    def run(self, run: Run, seconds: float | None, journal: Journal | Nowhere) -> Answer:
        """Learn from a draw by a strategy, in so many seconds, and return what came of it."""
        self.rewind()
        samples = self.draws.samples(run.labels_per_class, run.seed)
        job = replace(
            self.job, samples=samples, strategy=run.strategy, seed=run.seed, seconds=seconds
        )
        self.moved = True
        begun = time.perf_counter()
        model = make(
            job,
            backbone=self.backbone,
            progress=Silent(),
            journal=journal,
            watch=self.judge.samples,
        )
        took = model.seconds or time.perf_counter() - begun
        try:
            logits = self.answer(model)
        finally:
            if model.adapters is not None:
                model.adapters.remove()
        if not (model.trained or model.adapters):
            self.moved = False
        probabilities = self.judge.task.probabilities(logits, model.head.temperature)
        return {
            "id": run.name,
            **asdict(run),
            "n_train": len(samples),
            "seconds": took,
            "stopped": stopped(model),
            "curve": [asdict(point) for point in model.curve],
            "test": self.judge.figures(probabilities),
            "draws": self.judge.draws(logits),
        }

    def rewind(self) -> None:
        """Give the backbone the weights that it came with."""
        if self.moved:
            blend({"body": self.backbone.module}, self.before, self.before, 0.0)
            self.backbone.changed()
        self.moved = False

    def answer(self, model: Model) -> np.ndarray:
        """Return what a model says of the test, before its temperature."""
        found = features.survey(self.judge.samples, model.modality, self.backbone)
        logits = model.head.logits(
            features.vectors(found.shelf, found.samples, model.head.readings)
        )
        if model.trained or model.adapters is not None:
            # Nobody asks these weights anything again.
            shutil.rmtree(found.shelf.folder, ignore_errors=True)
        return logits


def stopped(model: Model) -> str:
    """Say why a run ended, in the words of the last phase that was kept."""
    kept = [choice for choice in model.choices if choice.kept]
    trained = [choice for choice in kept if "epoch" in choice.why]
    return trained[-1].why if trained else "solved: the best head there is on frozen features"
