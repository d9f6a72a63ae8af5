"""What is drawn: the examples that each run may learn from, the same for every strategy."""

from __future__ import annotations

from collections import Counter

import numpy as np

from headstart.dataset import splits
from headstart.errors import UserError
from headstart.job import group_numbers
from headstart.opening import Sealed
from headstart.race.plan import ALL, Count
from headstart.schema import Sample


class Draws:
    """Draws from the training side of sealed data: nested within a seed, groups whole."""

    def __init__(self, sealed: Sealed) -> None:
        self.pool = sealed.sides.train
        self.encoded = sealed.task.encode([each.target for each in self.pool], sealed.labels)
        self.mix = sealed.task.mix(self.encoded)
        self.groups = group_numbers(self.pool)
        self.labels = sealed.task.spoken(sealed.labels)
        if not self.labels:
            raise UserError(
                f"A race is over numbers of labels, and the task '{sealed.task.name}' has none.",
                "Compare strategies with `headstart fit --strategy`.",
            )

    def sizes(self) -> dict[str, int]:
        """Return how many examples of each label there are to draw from."""
        if self.mix.ndim == 1:
            counts = np.bincount(self.mix, minlength=len(self.labels))
        else:
            counts = self.mix.sum(0)
        return dict(zip(self.labels, map(int, counts), strict=True))

    def groups_of_labels(self) -> dict[str, int]:
        """Return in how many groups each label's examples are: what can be told apart."""
        table = self.mix if self.mix.ndim == 2 else np.eye(len(self.labels))[self.mix]
        pairs = {
            (self.labels[label], int(self.groups[row]))
            for row, label in zip(*np.nonzero(table), strict=True)
        }
        found = Counter(label for label, _ in pairs)
        return {label: found[label] for label in self.labels}

    def rows(self, count: Count, seed: int) -> np.ndarray:
        """Return the positions in the pool that a draw holds."""
        if count == ALL:
            return np.arange(len(self.pool))
        return splits.draw(self.mix, self.groups, count, seed)

    def samples(self, count: Count, seed: int) -> tuple[Sample, ...]:
        """Return the examples of a draw."""
        return tuple(self.pool[at] for at in self.rows(count, seed))
