"""What is asked of `learn`: a job as plain data, its phases, and which samples belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart import norms
from headstart.adapters import require_layers
from headstart.backbones.base import Backbone
from headstart.errors import UserError
from headstart.registry import STRATEGIES
from headstart.schema import Phase, Sample
from headstart.strategies.base import Facts


@dataclass(frozen=True)
class Job:
    """All that a model depends on. `samples` carry targets and groups; `seconds` is the budget.

    `unfreeze` is how many of the top stages are trained, and `keep` how much of the old weights is
    kept afterwards, where the user said so.
    """

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    task: str = "classify"
    modality: str = "image"
    backbone: str = "bundled/image"
    strategy: str = "probe"
    seed: int = 0
    seconds: float | None = None
    offline: bool = False
    unfreeze: int | None = None
    keep: float | None = None


def plan(job: Job, backbone: Backbone) -> list[Phase]:
    """Return the phases of a job on a backbone."""
    depth = backbone.depth
    if job.unfreeze is not None and not 1 <= job.unfreeze <= depth:
        raise UserError(
            f"{job.unfreeze} stages cannot be unfrozen: {job.backbone} has {depth}.",
            f"Give --unfreeze a number from 1 to {depth}.",
        )
    facts = Facts(
        len(job.samples), len(job.labels), depth, job.unfreeze, *norms.last_norm(backbone)
    )
    phases: list[Phase] = STRATEGIES.get(job.strategy)().phases(facts)
    return phases


def require_stages(phases: Sequence[Phase], backbone: Backbone) -> None:
    """Refuse phases that the stages of a backbone cannot do, before anything long begins."""
    for phase in phases:
        if phase.adapters:
            require_layers(backbone, phase.boundary, phase.adapters)
        if phase.objective == "estimate":
            norms.require_norms(backbone, phase.boundary)


def group_numbers(samples: Sequence[Sample]) -> np.ndarray:
    """Return a number a sample, equal exactly for samples of one group; the lone get their own."""
    numbers: dict[object, int] = {}
    owners = [at if s.group is None else ("group", s.group) for at, s in enumerate(samples)]
    return np.array([numbers.setdefault(owner, len(numbers)) for owner in owners])
