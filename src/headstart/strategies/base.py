"""What a strategy is: a list of phases for the facts at hand. It never trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from headstart import defaults
from headstart.schema import Phase


@dataclass(frozen=True)
class Facts:
    """What a strategy may base its phases on: plain numbers, nothing of the labels themselves.

    `unfreeze` is how many of the top stages the user wants trained, where they said so. `width` and
    `batch_norm` are of the backbone's last norm: how many channels it has, and whether it goes by
    the batch.
    """

    samples: int
    labels: int
    depth: int
    unfreeze: int | None = None
    width: int = 256
    batch_norm: bool = True


class Strategy(Protocol):
    """One way of going as deep as it says."""

    name: str
    about: str

    def phases(self, facts: Facts) -> list[Phase]:
        """Return what to do, in order."""


def head_first(boundary: int) -> Phase:
    """Return the phase that comes before stages are trained from a boundary on.

    A random head would send large, meaningless gradients into the stages and bend what they know
    before it has learnt anything itself; a solved one does not (LP-FT, Kumar et al. 2022,
    arXiv:2202.10054). It may stand on early stages too: what they read travels beside the state at
    the boundary. Only rows do not, so a head of rows stands on the boundary and what lies above.
    """
    return Phase("head", boundary, reads_from=boundary)


def tune(name: str, boundary: int, facts: Facts, patience: int = 0) -> Phase:
    """Return the phase that trains the stages from a boundary on, to the end of its schedule.

    With `patience` it ends before, after so many epochs without a better validation score.
    """
    size = facts.samples
    return Phase(
        name,
        boundary,
        objective="train",
        epochs=defaults.tuning_epochs(size),
        patience=patience,
        batch_size=defaults.batch_size(size),
        rate=defaults.HEAD_RATE,
        backbone_rate=defaults.backbone_rate(facts.width, facts.batch_norm),
        decay=defaults.layer_decay(facts.depth),
        weight_decay=defaults.TUNING_WEIGHT_DECAY,
        smoothing=defaults.SMOOTHING,
        views=defaults.views(facts.samples)
        if boundary == 0
        else defaults.kept_views(facts.samples),
    )


def stages_from(boundary: int, depth: int) -> str:
    """Say which stages a boundary leaves open."""
    if boundary == 0:
        return "all stages"
    return "the top stage" if depth - boundary == 1 else f"the top {depth - boundary} stages"
