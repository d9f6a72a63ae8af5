"""Rows: what a task asks about. A sample has one row, or several (a word each, a token each).

Where every sample has one row, an array with a row a sample says it all. Where samples have
several, they are laid end to end, and a `Ragged` says how many are whose. Splits, draws and
weights are of samples, which stay whole; losses and heads are of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """Rows of samples that have several each: `values` of all rows, `counts` of each sample.

    `about` holds what else a task has to know of each sample to judge it, such as where its words
    stand. Taking some positions out takes out whole samples.
    """

    values: np.ndarray
    counts: np.ndarray
    about: tuple[Any, ...] = ()

    def __len__(self) -> int:
        """Return how many samples there are."""
        return len(self.counts)

    def __getitem__(self, positions: np.ndarray) -> Ragged:
        """Return the samples at some positions."""
        about = tuple(self.about[at] for at in positions) if self.about else ()
        return Ragged(self.values[rows_of(self, positions)], self.counts[positions], about)

    @property
    def starts(self) -> np.ndarray:
        """Return where each sample's rows begin."""
        return np.asarray(np.cumsum(self.counts) - self.counts)

    def apart(self) -> list[np.ndarray]:
        """Return each sample's rows."""
        return np.split(self.values, self.starts[1:]) if len(self) else []


Rows = np.ndarray | Ragged
"""Rows of samples: one a sample (an array), or several."""


def end_to_end(parts: Sequence[np.ndarray], about: Sequence[Any] = ()) -> Ragged:
    """Return the rows of several samples, laid end to end."""
    counts = np.array([len(part) for part in parts], np.int64)
    values = np.concatenate(parts) if len(parts) else np.zeros(0, np.int64)
    return Ragged(values, counts, tuple(about))


def flat(rows: Rows) -> np.ndarray:
    """Return all rows as one array."""
    return rows.values if isinstance(rows, Ragged) else rows


def laid(values: np.ndarray, like: Rows) -> Rows:
    """Return values of rows, one for each row of `like`, as the rows of its samples."""
    return Ragged(values, like.counts) if isinstance(like, Ragged) else values


def rows_of(rows: Rows, positions: np.ndarray) -> np.ndarray:
    """Return the numbers of the rows that the samples at some positions have."""
    if not isinstance(rows, Ragged):
        return positions
    counts = rows.counts[positions]
    first = np.repeat(rows.starts[positions] - (np.cumsum(counts) - counts), counts)
    return np.asarray(first + np.arange(len(first)))


def spread(each: np.ndarray, rows: Rows) -> np.ndarray:
    """Return what is known of each sample once for each of its rows."""
    return np.repeat(each, rows.counts) if isinstance(rows, Ragged) else each


def mean_of(values: np.ndarray, rows: Rows) -> np.ndarray:
    """Return the mean of each sample's rows."""
    if not isinstance(rows, Ragged):
        return values
    return np.asarray(np.add.reduceat(values, rows.starts) / rows.counts)
