"""Telling inputs unlike any seen: how far a vector lies from the classes, and from all of them.

In the space of the leading principal axes, a vector's Mahalanobis distance to the nearest class
says whether it could be one of them; what the axes leave over says whether it is the same sort of
thing at all. The threshold is set on out-of-fold distances, so that a stated share of the kind
of samples that were learnt from would be called unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch

from headstart.heads.space import decompose, on_threads
from headstart.ragged import Rows, flat, mean_of, spread

FALSE_ALARMS = 0.02
"""The share of inputs like those learnt from that will be called unknown."""

NORMAL_QUANTILE = 2.0537
"""Where a normal distribution leaves 2 % above."""

MOST_AXES = 64
ROWS_AN_AXIS = 4
AXES_ROWS = 512
LEAST_REST = 1e-3
"""What the axes leave over counts as no less than this share of it all: rounding is no surprise."""

BLOCK = 4096


@dataclass
class Novelty:
    """What is needed to tell the unknown: plain arrays, ready for safetensors.

    `axes` [D, q] are principal axes of the standardised vectors, `whiten` [q, q] makes the spread
    within classes round, `centers` [classes, q] are the classes there.
    """

    center: np.ndarray
    scale: np.ndarray
    axes: np.ndarray
    whiten: np.ndarray
    centers: np.ndarray
    residual: np.ndarray
    threshold: np.ndarray

    def distance(self, vectors: np.ndarray) -> np.ndarray:
        """Return how far each row is from anything seen; about 1 for what was learnt from."""
        result = np.empty(len(vectors), np.float32)
        for start in range(0, len(vectors), BLOCK):
            part = slice(start, start + BLOCK)
            result[part] = self._distance(np.asarray(vectors[part], np.float32))
        return result

    def known(self, vectors: Rows) -> np.ndarray:
        """Return for each sample whether it resembles what was seen: its rows, on average."""
        far = mean_of(self.distance(flat(vectors)), vectors)
        return np.asarray(far <= float(self.threshold[0]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Novelty:
        """Rebuild from the arrays."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def _distance(self, vectors: np.ndarray) -> np.ndarray:
        points = (vectors - self.center) / self.scale
        along = (torch.from_numpy(points) @ torch.from_numpy(self.axes)).numpy()
        rest = (points**2).sum(1) - (along**2).sum(1)
        white = along @ self.whiten
        squares = (white**2).sum(1)[:, None] - 2 * white @ self.centers.T
        nearest = (squares + (self.centers**2).sum(1)).min(1)
        inside = np.maximum(nearest, 0) / self.axes.shape[1]
        outside = np.maximum(rest, 0) / self.residual[0]
        return np.asarray(np.sqrt((inside + outside) / 2))


def fit_novelty(vectors: np.ndarray, encoded: Rows, folds: np.ndarray) -> Novelty:
    """Describe what was seen, and set the threshold on each fold's distances from the others.

    With several labels a row there are no classes to be near, and one centre stands for all.
    """
    truth, folds = flat(encoded), spread(folds, encoded)
    classes = truth if truth.ndim == 1 else np.zeros(len(truth), np.int64)
    rows = np.arange(len(vectors))
    distances = np.empty(len(vectors), np.float32)
    with on_threads(1 if len(vectors) < BLOCK else torch.get_num_threads()):
        for number in np.unique(folds):
            held = np.flatnonzero(folds == number)
            others = describe(vectors, classes, rows[folds != number])
            distances[held] = others.distance(vectors[held])
        novelty = describe(vectors, classes, rows)
    novelty.threshold = np.array([threshold_of(mean_of(distances, encoded))], np.float32)
    return novelty


def threshold_of(distances: np.ndarray, false_alarms: float = FALSE_ALARMS) -> float:
    """Return the distance that the stated share of new samples of the same kind will exceed.

    The split-conformal rank where there are enough samples for one; below 50 the tail of a normal
    distribution through the logarithms, and never less than the largest distance.
    """
    n = len(distances)
    rank = int(np.ceil((n + 1) * (1 - false_alarms)))
    if rank <= n:
        return float(np.sort(distances)[rank - 1])
    logs = np.log(np.maximum(distances, 1e-12))
    spread = float(logs.std(ddof=1)) if n > 1 else 0.5
    tail = float(logs.mean()) + NORMAL_QUANTILE * spread * float(np.sqrt(1 + 1 / n))
    return float(max(np.exp(tail), distances.max()))


def describe(vectors: np.ndarray, classes: np.ndarray, rows: np.ndarray) -> Novelty:
    """Find axes, classes and spreads on some rows; the threshold is left open (infinite)."""
    count = min(MOST_AXES, max(1, len(rows) // ROWS_AN_AXIS), vectors.shape[1])
    some = rows[np.unique(np.linspace(0, len(rows) - 1, AXES_ROWS).astype(np.int64))]
    sample = np.asarray(vectors[some], np.float32)
    center, deviation = sample.mean(0), sample.std(0)
    floor = 1e-3 * float(np.median(deviation)) + 1e-6
    scale = np.maximum(deviation, floor).astype(np.float32)
    points = torch.from_numpy((sample - center) / scale)
    if len(points) < points.shape[1]:
        values, turned = decompose(points @ points.T)
        values, turned = values[-count:].clamp_min(1e-6), turned[:, -count:]
        axes = (points.T @ turned / values.sqrt()).numpy()
    else:
        axes = decompose(points.T @ points)[1][:, -count:].contiguous().numpy()
    present, number = np.unique(classes[rows], return_inverse=True)
    sums = np.zeros((len(present), count))
    square, rest = np.zeros((count, count)), 0.0
    for start in range(0, len(rows), BLOCK):
        block = (np.asarray(vectors[rows[start : start + BLOCK]], np.float32) - center) / scale
        along = (torch.from_numpy(block) @ torch.from_numpy(axes)).numpy()
        rest += float((block**2).sum() - (along**2).sum())
        square += along.T @ along
        np.add.at(sums, number[start : start + BLOCK], along)
    members = np.bincount(number)[:, None]
    means = sums / members
    freedom = max(len(rows) - len(present), 1)
    within = (square - (means * members).T @ means) / freedom
    shrink = count / (freedom + count)
    even = np.trace(within) / count
    within = (1 - shrink) * within + (shrink * max(even, 1e-9) + 1e-9) * np.eye(count)
    values_within, turn = np.linalg.eigh(within)
    whiten = (turn / np.sqrt(np.maximum(values_within, 1e-9))).astype(np.float32)
    return Novelty(
        center.astype(np.float32),
        scale,
        np.ascontiguousarray(axes, np.float32),
        whiten,
        (means @ whiten).astype(np.float32),
        np.array([max(rest / len(rows), LEAST_REST * vectors.shape[1])], np.float32),
        np.array([np.inf], np.float32),
    )
