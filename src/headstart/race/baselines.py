"""What is also in the table: saying always the same, and a plain model without any net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart import features, plain
from headstart.modalities.base import Modality
from headstart.opening import Sealed
from headstart.plain import Plain
from headstart.progress import Progress
from headstart.race.draws import Draws
from headstart.race.plan import ALL, Count
from headstart.race.runs import Answer, Judge
from headstart.ragged import flat


@dataclass(frozen=True)
class Baseline:
    """One answer of a plain model, as plain data."""

    labels_per_class: Count
    seed: int

    @property
    def name(self) -> str:
        """Return what it is called where it is kept."""
        return f"plain-{self.labels_per_class}-{self.seed}"


def baselines_of(counts: tuple[Count, ...], seeds: tuple[int, ...]) -> list[Baseline]:
    """Return every answer that is asked of a plain model.

    Of all the labels there is one draw, and on that no seed changes what is worth telling.
    """
    return [
        Baseline(count, seed) for count in counts for seed in (seeds if count != ALL else seeds[:1])
    ]


def always_same(sealed: Sealed, draws: Draws, judge: Judge) -> Answer:
    """Judge saying the same of every input: what is most common among all there is to learn."""
    name, shares = plain.always(sealed.task, draws.encoded, len(sealed.labels))
    answers = np.broadcast_to(shares, (len(flat(judge.truth)), len(shares)))
    return {
        "name": name,
        "labels_per_class": ALL,
        "n_train": len(draws.pool),
        "seed": 0,
        "test": judge.figures(answers),
    }


class Plainly:
    """A plain model on a race's draws; every input is looked at once."""

    def __init__(
        self, model: Plain, modality: Modality, draws: Draws, judge: Judge, progress: Progress
    ) -> None:
        self.model, self.modality, self.draws, self.judge = model, modality, draws, judge
        self.progress = progress
        self.pool: list[Any] = []
        self.test: list[Any] = []

    def run(self, asked: Baseline) -> Answer:
        """Learn from a draw and return what came of it."""
        if not self.test:
            self._look()
        rows = self.draws.rows(asked.labels_per_class, asked.seed)
        probabilities = self.model.probabilities(
            [self.pool[at] for at in rows],
            self.draws.encoded[rows],
            len(self.draws.labels),
            self.test,
            asked.seed,
        )
        return {
            "name": self.model.name,
            "labels_per_class": asked.labels_per_class,
            "n_train": len(rows),
            "seed": asked.seed,
            "test": self.judge.figures(probabilities),
        }

    def _look(self) -> None:
        everything = [*self.draws.pool, *self.judge.samples]
        self.progress.start("Looking without a net", len(everything))
        looks = []
        for look in features.ahead(
            lambda sample: self.model.look(self.modality.read(sample.input)), everything, 256
        ):
            looks.append(look)
            self.progress.advance()
        self.progress.finish()
        cut = len(self.draws.pool)
        self.pool, self.test = looks[:cut], looks[cut:]
