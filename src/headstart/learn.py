"""`learn(job) -> Model`: samples and choices in, model out. No test set, no files, no printing.

`fit`, folds, races and the scikit-learn estimator all call this. A job is plain data, so it can be
sent to another process.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from headstart import defaults, features
from headstart.backbones.base import Backbone
from headstart.backbones.source import fresh_weights, open_backbone
from headstart.calibrate import fit_temperature
from headstart.dataset.splits import folds as cut_folds
from headstart.errors import DataError
from headstart.features import Survey
from headstart.heads import Head
from headstart.heads.candidates import leading
from headstart.heads.search import search
from headstart.modalities.base import Modality, State
from headstart.model import Model
from headstart.novelty import fit_novelty
from headstart.progress import Progress, Silent
from headstart.registry import MODALITIES, STRATEGIES, TASKS
from headstart.schema import Choice, Phase, Sample
from headstart.strategies.base import Facts
from headstart.tasks.base import Task
from headstart.trainer import train


@dataclass(frozen=True)
class Job:
    """All that a model depends on. `samples` carry targets and groups; `seconds` is the budget."""

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    task: str = "classify"
    modality: str = "image"
    backbone: str = "bundled/image"
    strategy: str = "probe"
    seed: int = 0
    seconds: float | None = None
    offline: bool = False


def group_numbers(samples: Sequence[Sample]) -> np.ndarray:
    """Return a number a sample, equal exactly for samples of one group; the lone get their own."""
    numbers: dict[object, int] = {}
    owners = [at if s.group is None else ("group", s.group) for at, s in enumerate(samples)]
    return np.array([numbers.setdefault(owner, len(numbers)) for owner in owners])


class _Learning:
    """One job under way: what its phases share."""

    def __init__(self, job: Job, backbone: Backbone | None, progress: Progress) -> None:
        self.job, self.progress = job, progress
        self.begun = time.perf_counter()
        self.deadline = None if job.seconds is None else self.begun + job.seconds
        self.modality: Modality = MODALITIES.get(job.modality)()
        self.task: Task = TASKS.get(job.task)()
        self.backbone = backbone or open_backbone(job.backbone, offline=job.offline)
        self.reference = self.backbone.fingerprint()
        self.encoded = self.task.encode([sample.target for sample in job.samples], job.labels)
        self.groups = group_numbers(job.samples)
        if self.groups.max(initial=0) == 0:
            raise DataError(
                f"The {len(job.samples)} examples to learn from all belong together (one group, or "
                "near-duplicates of each other), so none can be held back to choose by.",
                "Add examples that differ, or group them more finely.",
            )
        self.folds = cut_folds(
            self.encoded, self.groups, defaults.fold_count(len(job.samples)), job.seed
        )
        self.choices: list[Choice] = []
        self.out_of_fold: np.ndarray | None = None

    def left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.perf_counter())

    def survey(self) -> Survey:
        found = features.survey(self.job.samples, self.modality, self.backbone, self.progress)
        if found.set_aside:
            first = found.set_aside[0]
            raise DataError(
                f"{len(found.set_aside)} samples cannot be read; the first is {first.name}: "
                f"{first.why}",
                "Leave them out, or let `fit` set them aside.",
            )
        self.precision = found.precision
        return found

    def solve(self) -> Head:
        """Solve the head on cached readings; everything it chose is kept as choices."""
        found = self.survey()
        chosen = search(
            features.readings(found.shelf, found.samples),
            self.encoded,
            self.folds,
            self.groups,
            len(self.job.labels),
            kind=self.task.kind,
            headline=self.task.score_logits,
            seed=self.job.seed,
            seconds=self.left(),
            progress=self.progress,
        )
        self.choices += [trial.choice() for trial in chosen.trials]
        self.out_of_fold = chosen.out_of_fold
        return chosen.head

    def train(self, phase: Phase) -> Head:
        """Run the optimiser loop on one phase, from the boundary up, and read off its head."""
        job, backbone, begun = self.job, self.backbone, time.perf_counter()
        if phase.fresh:
            fresh_weights(backbone, phase.boundary, job.seed)
        fetch_arrays = features.views(
            job.samples, self.modality, backbone.spec, phase.views, self.progress
        )

        def fetch(pairs: Sequence[tuple[int, int]]) -> State:
            return features.to_boundary(
                backbone,
                self.modality.collate(fetch_arrays(pairs), backbone.spec),
                phase.boundary,
            )

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(job.seed)
            reading, width = _final_reading(backbone, fetch([(0, 0)]), phase.boundary)
            head = nn.Linear(width, len(job.labels))
        validating = np.flatnonzero(self.folds == 0)
        outcome = train(
            phase,
            backbone,
            head,
            reading,
            fetch,
            self.encoded,
            np.flatnonzero(self.folds != 0),
            validating,
            self.task,
            seed=job.seed,
            deadline=self.deadline,
            progress=self.progress,
        )
        truth = self.encoded[validating]
        temperature = fit_temperature(outcome.validation_logits, truth)
        probabilities = self.task.probabilities(outcome.validation_logits, temperature)
        judged = self.task.evaluate(
            probabilities,
            truth,
            job.labels,
            [job.samples[at].name for at in validating],
            [str(self.groups[at]) for at in validating],
            job.seed,
        ).figures[self.task.headline]
        why = f"epoch {outcome.kept} of {len(outcome.epochs)} validated best; {outcome.stopped}"
        self.choices.append(
            Choice(
                phase.name,
                judged.value,
                judged.low,
                judged.high,
                time.perf_counter() - begun,
                True,
                why,
            )
        )
        return Head(
            readings=((backbone.depth, reading),),
            center=np.zeros(width, np.float32),
            scale=np.ones(width, np.float32),
            weight=head.weight.detach().numpy().T.copy(),
            bias=head.bias.detach().numpy().copy(),
            temperature=temperature,
        )


def _final_reading(backbone: Backbone, state: State, boundary: int) -> tuple[str, int]:
    with torch.no_grad():
        found = backbone.read(backbone(state, boundary), backbone.depth)
    name = leading(found)
    return name, found[name].shape[1]


def learn(job: Job, *, backbone: Backbone | None = None, progress: Progress | None = None) -> Model:
    """Run a job's strategy and return the model. An opened backbone saves opening it again."""
    work = _Learning(job, backbone, progress or Silent())
    strategy = STRATEGIES.get(job.strategy)()
    facts = Facts(len(job.samples), len(job.labels), work.backbone.depth)
    head: Head | None = None
    for phase in strategy.phases(facts):
        head = work.solve() if phase.objective == "solve" else work.train(phase)
    if head is None:
        raise ValueError(f"strategy {job.strategy} has no phases")
    found = work.survey()
    model = Model(
        work.modality,
        work.backbone,
        work.task,
        head,
        job.labels,
        job.strategy,
        work.precision,
        trained=work.backbone.fingerprint() != work.reference,
        choices=tuple(work.choices),
        out_of_fold=work.out_of_fold,
    )
    vectors = features.vectors(found.shelf, found.samples, head.readings)
    model.novelty = fit_novelty(vectors, work.encoded, work.folds)
    return model
