"""Heads fitted on all but one fold, for every fold and a whole path of penalties at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from headstart.heads.head import Head, Kind, Reading
from headstart.heads.solver import Block, Problems, minimise
from headstart.heads.space import (
    AXES_ROWS,
    TURN_LIMIT,
    Standard,
    Vectors,
    leading_axes,
    on_threads,
    span_of_gram,
    standard_points,
    standardise,
    turn_by_features,
    turn_by_samples,
)

IN_MEMORY = 80_000_000
"""Numbers of a float32 array (320 MB) that may stay in memory; larger ones go through in blocks."""

LOGITS = 4_000_000
"""Logits worked on at a time: 16 MB, which processors' caches still like."""

TURNERS = 2
"""Threads that turn folds side by side: one small decomposition does not spread over cores."""

SEARCH_TOLERANCE, FINAL_TOLERANCE = 1e-4, 1e-7
SEARCH_ITERATIONS, FINAL_ITERATIONS = 100, 500


@dataclass
class Side:
    """A fold: rows to fit and to judge on, and both in coordinates of the former's span."""

    train: np.ndarray
    held: np.ndarray
    points: torch.Tensor
    judged: torch.Tensor


class Fitter:
    """Fits heads of one kind on readings of the same samples.

    `prior` stands for the strength of the L2 penalty, free of the data's size: the variance of a
    logit that the penalty, read as a Gaussian prior on the weights, expects beforehand. So the
    penalty on the mean loss of n samples with D features is D / (n * prior).
    """

    def __init__(
        self,
        readings: Mapping[Reading, np.ndarray],
        encoded: np.ndarray,
        folds: np.ndarray,
        kind: Kind,
        labels: int,
    ) -> None:
        self.readings = readings
        self.encoded = encoded
        self.folds = folds
        self.kind: Kind = kind
        self.labels = labels
        self._sides: dict[tuple[Reading, ...], list[Side]] = {}
        self._grams: dict[tuple[Reading, int], torch.Tensor] = {}

    def out_of_fold(
        self,
        names: Sequence[Reading],
        priors: Sequence[float],
        *,
        balanced: bool = False,
        after_fold: Callable[[], None] = lambda: None,
    ) -> np.ndarray:
        """Return the logits [P, N, L] that each sample gets from heads not fitted on its fold.

        `after_fold` is called as each fold is done, unless they are few enough to go in one batch.
        """
        vectors = Vectors(self.readings, names)
        result = np.zeros((len(priors), len(self.folds), self.labels), np.float32)
        numbers = [int(number) for number in np.unique(self.folds)]
        largest = max(int((self.folds != number).sum()) for number in numbers)
        if largest <= TURN_LIMIT and largest < vectors.width:
            with on_threads(1):
                self._by_samples(vectors, numbers, priors, balanced, result)
            return result
        for number in numbers:
            train = np.flatnonzero(self.folds != number)
            held = np.flatnonzero(self.folds == number)
            for chunk in chunks(len(priors), 8 * LOGITS // max(1, vectors.width * self.labels)):
                standard, weight = self._solve(
                    vectors, train, priors[chunk], balanced, SEARCH_TOLERANCE, SEARCH_ITERATIONS
                )
                shape = weight.shape
                for rows in row_blocks(len(held), vectors.width + shape[1] * shape[2]):
                    points = standard.apply(vectors.rows(held[rows]))
                    logits = points @ weight[:-1].flatten(1) + weight[-1].flatten()
                    logits = logits.reshape(-1, *shape[1:]).transpose(0, 1)
                    result[chunk, held[rows]] = logits.numpy()
            after_fold()
        return result

    def final(self, names: Sequence[Reading], prior: float, *, balanced: bool = False) -> Head:
        """Return the head fitted on every sample."""
        vectors = Vectors(self.readings, names)
        rows = np.arange(len(self.folds))
        standard, weight = self._solve(
            vectors, rows, [prior], balanced, FINAL_TOLERANCE, FINAL_ITERATIONS
        )
        return Head(
            tuple(names),
            standard.center,
            standard.scale,
            np.ascontiguousarray(weight[:-1, 0].numpy()),
            np.ascontiguousarray(weight[-1, 0].numpy()),
        )

    def _by_samples(
        self,
        vectors: Vectors,
        numbers: Sequence[int],
        priors: Sequence[float],
        balanced: bool,
        result: np.ndarray,
    ) -> None:
        """Few samples: every fold in the span of its own training side, all folds in one batch."""
        sides = self._spans(vectors, numbers)
        most = max(len(side.train) for side in sides)
        wide = max(side.points.shape[1] for side in sides)
        batch = torch.zeros(len(numbers), most, wide + 1)
        weights = torch.zeros(len(numbers), most)
        extra = () if self.kind == "softmax" else (self.labels,)
        dtype = torch.int64 if self.kind == "softmax" else torch.float32
        targets = torch.zeros(len(numbers), most, *extra, dtype=dtype)
        penalties = torch.empty(len(numbers), len(priors))
        for fold, side in enumerate(sides):
            n, axes = side.points.shape
            batch[fold, :n, :axes] = side.points
            batch[fold, :n, -1] = 1
            weights[fold, :n] = self._weights(side.train, balanced)
            targets[fold, :n] = self._targets(side.train)
            penalties[fold] = penalties_of(priors, n, vectors.width)
        variance = (batch**2).sum(1) / torch.tensor([[len(side.train)] for side in sides])
        problems = Problems(
            self.kind,
            self.labels,
            most,
            lambda: iter([Block(batch, targets, weights)]),
            variance,
            penalties,
        )
        weight = minimise(problems, tolerance=SEARCH_TOLERANCE, iterations=SEARCH_ITERATIONS)
        for fold, side in enumerate(sides):
            axes = side.points.shape[1]
            inner = torch.matmul(side.judged, weight[fold, :axes].flatten(1))
            inner = inner.reshape(len(side.held), len(priors), -1).transpose(0, 1)
            result[:, side.held] = (inner + weight[fold, -1][:, None]).numpy()

    def _spans(self, vectors: Vectors, numbers: Sequence[int]) -> list[Side]:
        """Return every fold's two sides in the span of its training side; worked out once a set."""
        if vectors.names not in self._sides:
            with ThreadPoolExecutor(TURNERS) as pool:
                sides = pool.map(lambda number: self._span(vectors, number), numbers)
                self._sides[vectors.names] = list(sides)
        return self._sides[vectors.names]

    def _span(self, vectors: Vectors, number: int) -> Side:
        train = np.flatnonzero(self.folds != number)
        held = np.flatnonzero(self.folds == number)
        gram = torch.stack([self._gram(name, number) for name in vectors.names]).sum(0)
        points, maker = span_of_gram(gram[train])
        return Side(train, held, points, gram[held] @ maker)

    def _gram(self, name: Reading, number: int) -> torch.Tensor:
        """Return inner products of all samples with a fold's training side, standardised by it.

        Those of readings side by side are the sum of each one's, so they are worked out once.
        """
        key = (name, number)
        if key not in self._grams:
            train = np.flatnonzero(self.folds != number)
            vectors = Vectors(self.readings, [name])
            points = standardise(vectors, train).apply(vectors.rows(np.arange(len(self.folds))))
            self._grams[key] = points @ points[train].T
        return self._grams[key]

    def _weights(self, rows: np.ndarray, balanced: bool) -> torch.Tensor:
        """Return sample weights that sum to 1; balanced ones give every class the same share."""
        if not balanced:
            return torch.full((len(rows),), 1 / len(rows))
        counts = np.bincount(self.encoded[rows], minlength=self.labels)
        share = 1 / (np.maximum(counts, 1) * (counts > 0).sum())
        return torch.from_numpy(share[self.encoded[rows]].astype(np.float32))

    def _targets(self, rows: np.ndarray) -> torch.Tensor:
        dtype = np.int64 if self.kind == "softmax" else np.float32
        return torch.from_numpy(np.ascontiguousarray(self.encoded[rows], dtype=dtype))

    def _solve(
        self,
        vectors: Vectors,
        train: np.ndarray,
        priors: Sequence[float],
        balanced: bool,
        tolerance: float,
        iterations: int,
    ) -> tuple[Standard, torch.Tensor]:
        """Solve for one training side; return W of the standardised features [D + 1, P, L]."""
        n, width = len(train), vectors.width
        standard = standardise(vectors, train)
        targets, weights = self._targets(train), self._weights(train, balanced)
        step = max(1, LOGITS // (len(priors) * self.labels))
        points = turned = None
        if n * width <= IN_MEMORY:
            points = standard_points(vectors, standard, train)
            if n <= TURN_LIMIT and n < width:
                turned = turn_by_samples(points)
            elif width <= TURN_LIMIT:
                turned = turn_by_features(points)
            points = turned.points if turned else points
        else:
            step = min(step, max(1, 2 * LOGITS // width))

        def blocks() -> Iterator[Block]:
            for start in range(0, n, step):
                part = slice(start, start + step)
                if points is None:
                    rows = standard_points(vectors, standard, train[part])
                else:
                    rows = points[part]
                yield Block(rows[None], targets[part][None], weights[part][None])

        variance, spread = torch.ones(width + 1), None
        if turned:
            variance = turned.variance
        else:
            some = train[:: max(1, n // AXES_ROWS)][:AXES_ROWS]
            spread = leading_axes(standard.apply(vectors.rows(some))).spread
        penalties = penalties_of(priors, n, width)[None]
        problems = Problems(self.kind, self.labels, n, blocks, variance[None], penalties, spread)
        weight = minimise(problems, tolerance=tolerance, iterations=iterations)[0]
        if turned:
            inner = turned.weights(weight[:-1].flatten(1)).reshape(width, *weight.shape[1:])
            weight = torch.cat((inner, weight[-1:]))
        return standard, weight


def penalties_of(priors: Sequence[float], n: int, width: int) -> torch.Tensor:
    """Return the penalties on the mean loss that priors stand for."""
    return torch.tensor([width / (n * prior) for prior in priors])


def chunks(count: int, size: int) -> Iterator[slice]:
    """Cut a range into slices of at most `size` (at least 1)."""
    size = max(1, size)
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def row_blocks(count: int, numbers_a_row: int) -> Iterator[slice]:
    """Cut rows into blocks that hold a bounded amount of numbers."""
    return chunks(count, 2 * LOGITS // max(1, numbers_a_row))
