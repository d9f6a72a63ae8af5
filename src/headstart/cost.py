"""Roughly how long training takes here: each stage is timed once on generated inputs.

It serves to say so before it starts, and to leave out what a budget has no room for. A step forward
and back costs about three times the forward alone; a frozen stage costs its forward once a view.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from headstart import devices
from headstart.backbones.base import Backbone
from headstart.modalities.base import Modality
from headstart.schedule import rehearsed
from headstart.schema import Phase

BATCH = 8
REPEATS = 4
BACK_AND_FORTH = 3.0

LIKELY = 0.6
"""The share of the planned epochs that it usually takes to a plateau."""


@dataclass(frozen=True)
class Cost:
    """Seconds that one example takes: to be read and prepared, and in each stage forward."""

    reading: float
    stages: tuple[float, ...]

    def below(self, boundary: int) -> float:
        """Return what the frozen stages take for one example that has to be read."""
        return self.reading + sum(self.stages[:boundary])

    def epoch(self, boundary: int) -> float:
        """Return what one example takes in an epoch of training from a boundary on."""
        return BACK_AND_FORTH * sum(self.stages[boundary:])


def measure(backbone: Backbone, modality: Modality) -> Cost:
    """Time reading and every stage on a small generated batch, each at its quickest of a few.

    The first run warms up, and what else the machine does makes others slow.
    """
    raws = modality.golden(backbone.spec, seed=0, count=BATCH)
    begun = time.perf_counter()
    prepared = [modality.prepare(raw, backbone.spec) for raw in raws]
    state = modality.collate(prepared, backbone.spec)
    reading = (time.perf_counter() - begun) / BATCH
    runs = []
    with torch.inference_mode():
        for _ in range(REPEATS):
            current, took = dict(state), []
            for at in range(backbone.depth):
                begun = time.perf_counter()
                current = backbone(current, at, at + 1)
                devices.wait(backbone.device)
                took.append((time.perf_counter() - begun) / BATCH)
            runs.append(took)
    return Cost(reading, tuple(min(each) for each in zip(*runs, strict=True)))


def seconds(
    phases: Sequence[Phase],
    cost: Cost,
    samples: int,
    *,
    views_kept: bool = False,
    rehearse: bool = True,
) -> float:
    """Return roughly how long phases take on so many samples, plateaus reckoned with.

    With `views_kept` the activations of all views are in the store already. What is rehearsed is
    trained twice, without what the head takes.
    """
    total, made = 0.0, 0
    times = 2 if rehearse and rehearsed(phases, samples) else 1
    for phase in phases:
        if phase.objective == "solve":
            continue
        if phase.objective == "estimate":
            total += samples * cost.below(len(cost.stages))
            continue
        if not views_kept and phase.boundary:
            below = cost.below(phase.boundary) if not made else sum(cost.stages[: phase.boundary])
            total += samples * phase.views * below
        elif not views_kept:
            total += samples * phase.views * cost.reading
        made += 1
        epochs = phase.epochs * (LIKELY if phase.patience else 1.0)
        total += times * samples * epochs * cost.epoch(phase.boundary)
    return total
