"""Heads in closed form: ridge regression onto the one-hot targets, for very many labels.

Logistic regression costs samples x features x labels at every iteration. Where that product is very
large, least squares needs one pass over the samples and one factorisation, whatever the labels:

    W = (XᵀX / n + penalty I)⁻¹ XᵀY / n        X standardised, Y centred, the bias the mean of Y

With fewer samples than features the same W is Xᵀ (XXᵀ / n + penalty I)⁻¹ Y / n. A score is then not
a log-probability, so a factor that makes it one is fitted on out-of-fold scores by whoever calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch

from headstart.heads.head import Head, Kind, Reading
from headstart.heads.space import Standard, Vectors, standardise

BLOCK = 4096


class Ridge:
    """Fits ridge heads on readings of the same samples; a drop-in for `Fitter`.

    `prior` stands for the penalty as in `Fitter`: the penalty is D / (n * prior).
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

    def out_of_fold(
        self,
        names: Sequence[Reading],
        priors: Sequence[float],
        *,
        balanced: bool = False,
        after_fold: Callable[[], None] = lambda: None,
    ) -> np.ndarray:
        """Return the scores [P, N, L] that each sample gets from heads not fitted on its fold."""
        del balanced
        vectors = Vectors(self.readings, names)
        result = np.zeros((len(priors), len(self.folds), self.labels), np.float32)
        for number in np.unique(self.folds):
            train = np.flatnonzero(self.folds != number)
            held = np.flatnonzero(self.folds == number)
            standard, weights, mean = self._solve(vectors, train, priors)
            for path, weight in enumerate(weights):
                for start in range(0, len(held), BLOCK):
                    rows = held[start : start + BLOCK]
                    points = standard.apply(vectors.rows(rows))
                    result[path, rows] = (points @ weight + mean).numpy()
            after_fold()
        return result

    def final(self, names: Sequence[Reading], prior: float, *, balanced: bool = False) -> Head:
        """Return the head fitted on every sample; its scores still need their factor."""
        del balanced
        vectors = Vectors(self.readings, names)
        standard, weights, mean = self._solve(vectors, np.arange(len(self.folds)), [prior])
        weight = next(weights).numpy()
        return Head(tuple(names), standard.center, standard.scale, weight, mean.numpy())

    def _one_hot(self, rows: np.ndarray) -> torch.Tensor:
        if self.kind == "sigmoid":
            return torch.from_numpy(self.encoded[rows].astype(np.float32)) - 0.5
        picked = torch.from_numpy(self.encoded[rows].astype(np.int64))
        return torch.nn.functional.one_hot(picked, self.labels).float()

    def _solve(
        self, vectors: Vectors, train: np.ndarray, priors: Sequence[float]
    ) -> tuple[Standard, Iterator[torch.Tensor], torch.Tensor]:
        n, width = len(train), vectors.width
        standard = standardise(vectors, train)
        penalties = [width / (n * prior) for prior in priors]
        mean = torch.zeros(self.labels)
        for start in range(0, n, BLOCK):
            mean += self._one_hot(train[start : start + BLOCK]).sum(0) / n
        if n < width:
            points = standard.apply(vectors.rows(train))
            square = points @ points.T / n
            answers = (self._one_hot(train) - mean) / n
            inner = solve_path(square, answers, penalties)
            return standard, (points.T @ each for each in inner), mean
        square = torch.zeros(width, width)
        answers = torch.zeros(width, self.labels)
        for start in range(0, n, BLOCK):
            rows = train[start : start + BLOCK]
            points = standard.apply(vectors.rows(rows))
            square.addmm_(points.T, points, alpha=1 / n)
            answers.addmm_(points.T, self._one_hot(rows) - mean, alpha=1 / n)
        return standard, solve_path(square, answers, penalties), mean


def solve_path(
    square: torch.Tensor, answers: torch.Tensor, penalties: Sequence[float]
) -> Iterator[torch.Tensor]:
    """Solve (square + penalty I) W = answers for the penalties of a path, one after the other."""
    least = 1e-6 * float(square.diagonal().mean())
    for penalty in penalties:
        ridge = square.clone()
        ridge.diagonal().add_(penalty + least)
        yield torch.cholesky_solve(answers, torch.linalg.cholesky(ridge))
