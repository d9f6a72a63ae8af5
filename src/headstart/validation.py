"""What validation logits are worth, on the examples that training is watched on, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.calibrate import fit_temperature
from headstart.ragged import Rows
from headstart.schema import Choice, Figure, Sample
from headstart.tasks.base import Task
from headstart.trainer import Outcome


@dataclass(frozen=True)
class Validation:
    """Everything that is learnt from, any rows of which can be held back."""

    task: Task
    samples: Sequence[Sample]
    labels: tuple[str, ...]
    encoded: Rows
    groups: np.ndarray
    seed: int

    def headline(self, logits: np.ndarray, rows: np.ndarray) -> float:
        """Return the headline of logits of some rows."""
        return float(self.task.score(self.task.probabilities(logits, 1.0), self.encoded[rows]))

    def choice(
        self, what: str, seconds: float, why: str, logits: np.ndarray, rows: np.ndarray
    ) -> Choice:
        """Return what was done as a line of the report; without a score if none were held back."""
        if not len(logits):
            return Choice(what, None, None, None, seconds, True, why)
        seen = self.figure(logits, rows)
        return Choice(what, seen.value, seen.low, seen.high, seconds, True, why)

    def figure(self, logits: np.ndarray, rows: np.ndarray) -> Figure:
        """Return the headline with its interval."""
        truth = self.encoded[rows]
        found = self.task.evaluate(
            self.task.probabilities(logits, fit_temperature(logits, truth)),
            truth,
            self.labels,
            [self.samples[at].name for at in rows],
            [str(self.groups[at]) for at in rows],
            self.seed,
        )
        return found.figures[self.task.headline]


def tell(outcome: Outcome, share: float | None) -> str:
    """Say how many epochs there were, which was kept, and how much of the old weights."""
    if outcome.kept == 0:
        return f"no epoch of {len(outcome.epochs)} was better than the start"
    mixed = f"; {share:.0%} of the old weights kept" if share else ""
    if outcome.kept == len(outcome.epochs):
        epochs = "1 epoch" if outcome.kept == 1 else f"{outcome.kept} epochs"
        return f"{epochs}; {outcome.stopped}{mixed}"
    return f"epoch {outcome.kept} of {len(outcome.epochs)} was the best; {outcome.stopped}{mixed}"
