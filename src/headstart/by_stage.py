"""How well each stage's features alone tell the labels apart: what is early, middle and late worth?

Each stage's readings, as pretraining left them, get a head of their own, judged out of fold on what
was learnt from. Nothing is chosen by it and the test has no part in it; the readings lie in the
store, so nothing is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headstart import defaults, features
from headstart.backbones.base import Backbone
from headstart.dataset.splits import folds
from headstart.heads import Reading
from headstart.heads.bench import Bench, Problem, samples_for_choosing
from headstart.job import Job, group_numbers
from headstart.ragged import rows_of
from headstart.schema import Figure
from headstart.store import Shelf
from headstart.tasks.base import Task

MOST = 500
"""Samples (or ten a label, if that is more) that stages are compared on."""

MOST_WORK = 1e8
"""Samples x features x labels of one stage; beyond that the stages are not compared."""

PRIORS = (3.0, 30.0)
"""Penalties tried, as in the search for the head, which has a finer path."""

Scored = list[tuple[str, Figure]]


def measure(job: Job, task: Task, backbone: Backbone, shelf: Shelf) -> dict[str, Any]:
    """Return the headline of a head on each stage alone, as JSON-ready values.

    `shelf` holds the readings of the job's samples.
    """
    groups = group_numbers(job.samples)
    found: dict[str, Any] = {"headline": task.headline, "n": 0, "scores": [], "says": ""}
    if not job.labels:  # what is written has no classes that a stage could tell apart
        return found
    if groups.max(initial=0) == 0:
        return found | {"says": "The stages cannot be compared: all examples belong together."}
    encoded = task.encode([sample.target for sample in job.samples], job.labels)
    fold = folds(task.mix(encoded), groups, defaults.fold_count(len(groups)), job.seed)
    problem = Problem(
        {}, encoded, fold, groups, len(job.labels), task.kind, task.score_logits, job.seed
    )
    most = max(MOST, 10 * len(job.labels)) * problem.size // len(groups)
    some = samples_for_choosing(problem, most)
    readings = features.readings(shelf, [job.samples[at] for at in some])
    stages = _by_boundary(readings)
    widest = max(sum(readings[name].shape[1] for name in names) for names in stages.values())
    rows = len(rows_of(encoded, some))
    if rows * widest * len(job.labels) > MOST_WORK:
        return found | {"says": "The stages were not compared: it would have taken long."}
    problem = Problem(
        readings,
        encoded[some],
        fold[some],
        np.unique(groups[some], return_inverse=True)[1],
        problem.labels,
        task.kind,
        task.score_logits,
        job.seed,
    )
    bench = Bench(problem, np.arange(len(some)))
    scored: Scored = []
    for boundary, names in sorted(stages.items()):
        trial = bench.attempt(tuple(names), PRIORS).trial
        figure = Figure(trial.score, trial.low, trial.high)
        scored.append((backbone.stages[boundary - 1].name, figure))
    return found | {
        "n": len(some),
        "scores": [
            {"stage": name, "value": each.value, "low": each.low, "high": each.high}
            for name, each in scored
        ],
        "says": say(scored),
    }


def _by_boundary(readings: Mapping[Reading, np.ndarray]) -> dict[int, list[Reading]]:
    stages: dict[int, list[Reading]] = {}
    for name in readings:
        stages.setdefault(name[0], []).append(name)
    return stages


def say(scored: Sequence[tuple[str, Figure]]) -> str:
    """Say where in the backbone what tells the labels apart is found."""
    if len(scored) < 2:
        return "The backbone is read at one place only, so there is nothing to compare."
    best, most = max(scored, key=lambda each: each[1].value)
    (first, least), (last, top) = scored[0], scored[-1]
    if best == first:
        said = f"{first}, the earliest, does best alone ({least.value:.3f})"
    else:
        said = f"{best} does best alone ({most.value:.3f}), where {first} gets {least.value:.3f}"
    if best != last:
        said += f" and the last, {last}, {top.value:.3f}"
    if least.high >= most.low:
        return (
            f"{said}. Early stages, which see edges, colours and textures, are not shown to be "
            "worse here: look whether something as simple gives the labels away."
        )
    if best != last and top.high < most.low:
        return f"{said}: the last stages have given up what your labels need."
    return f"{said}."
