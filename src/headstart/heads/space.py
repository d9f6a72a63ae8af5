"""Coordinates to solve in: standardised readings, turned so that the solver has it easy.

An L2 penalty does not change under rotation. With fewer samples than features, all that matters
lies in the span of the samples, so n coordinates are exact however wide the readings are; with few
features, their principal axes make the curvature diagonal. Where both are many, the readings stay
as they are and only the leading axes, found on some rows, steer the solver.

Everything here is fitted on the training side alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from headstart.heads.head import Reading

TURN_LIMIT = 640
"""Up to this many features or samples, an eigendecomposition costs less than it saves."""

AXES_ROWS = 400
BLOCK = 4096
FLAT = 1e-6
"""Axes with less than this share of the largest variance are dropped: float32 cannot tell them."""


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads. Small problems want one: waiting costs more than it gains."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def decompose(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return eigenvalues (rising) and axes of a symmetric matrix, on one thread if small.

    In float32 LAPACK now and then gives up on readings most of which are nearly constant, as a net
    from scratch may have; numpy's, in float64, then does it.
    """
    with on_threads(1 if len(matrix) <= 2 * TURN_LIMIT else torch.get_num_threads()):
        try:
            values, axes = torch.linalg.eigh(matrix)
        except RuntimeError:  # torch.linalg.LinAlgError, which has no public type
            found = np.linalg.eigh(matrix.double().numpy())
            values, axes = (torch.from_numpy(each).to(matrix.dtype) for each in found)
    return values, axes


class Vectors:
    """Readings laid side by side without copying them: rows are taken out as float32 when asked."""

    def __init__(self, readings: Mapping[Reading, np.ndarray], names: Sequence[Reading]) -> None:
        self.names = tuple(names)
        self.parts = [readings[name] for name in self.names]
        self.width = sum(part.shape[1] for part in self.parts)

    def rows(self, index: np.ndarray) -> np.ndarray:
        """Return the rows of an index as one float32 array."""
        result = np.empty((len(index), self.width), np.float32)
        start = 0
        for part in self.parts:
            result[:, start : start + part.shape[1]] = part[index]
            start += part.shape[1]
        return result


@dataclass
class Standard:
    """Centre and scale of each feature over the training samples."""

    center: np.ndarray
    scale: np.ndarray

    def apply(self, vectors: np.ndarray) -> torch.Tensor:
        """Return rows standardised, as a tensor; the array is overwritten."""
        vectors -= self.center
        vectors /= self.scale
        return torch.from_numpy(vectors)


def standardise(vectors: Vectors, index: np.ndarray) -> Standard:
    """Fit centre and scale on the rows of an index, block by block.

    The scale has a floor of a thousandth of the median feature's, so a channel that hardly moved
    in training cannot shout when it moves later.
    """
    offset = vectors.rows(index[: min(len(index), 256)]).mean(0, dtype=np.float64)
    total, squares = np.zeros(vectors.width), np.zeros(vectors.width)
    for start in range(0, len(index), BLOCK):
        rows = vectors.rows(index[start : start + BLOCK]) - offset.astype(np.float32)
        total += rows.sum(0, dtype=np.float64)
        squares += np.einsum("nd,nd->d", rows, rows, dtype=np.float64)
    n = max(len(index), 1)
    mean = total / n
    deviation = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
    moving = deviation[deviation > 0]
    floor = 1e-3 * float(np.median(moving)) if len(moving) else 1.0
    scale = np.where(deviation > 0, np.maximum(deviation, floor), 1.0)
    center = offset.astype(np.float32).astype(np.float64) + mean
    return Standard(center.astype(np.float32), scale.astype(np.float32))


def standard_points(vectors: Vectors, standard: Standard, index: np.ndarray) -> torch.Tensor:
    """Return standardised rows with a last column of ones, filled block by block."""
    points = torch.ones(len(index), vectors.width + 1)
    for start in range(0, len(index), BLOCK):
        part = slice(start, start + BLOCK)
        points[part, :-1] = standard.apply(vectors.rows(index[part]))
    return points


@dataclass
class Turned:
    """Samples in turned coordinates (the last is 1, for the bias), and the way back.

    `variance` is that of each coordinate. `weights` maps W in these coordinates [d, ...] to W of
    the standardised features [D, ...].
    """

    points: torch.Tensor
    variance: torch.Tensor
    weights: Callable[[torch.Tensor], torch.Tensor]


def span_of_gram(gram: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return coordinates of samples from their inner products, and the map that makes them.

    With the Gram matrix K = Q diag(s) Qᵀ the samples' coordinates in the basis of their own span
    are Q diag(√s) = K Q diag(1/√s). The second factor turns anyone's inner products with these
    samples into the same coordinates.
    """
    values, axes = decompose(gram)
    kept = values > FLAT * values[-1].clamp_min(1e-30)
    values, axes = values[kept], axes[:, kept]
    return axes * values.sqrt(), axes / values.sqrt()


def turn_by_samples(points: torch.Tensor) -> Turned:
    """Turn standardised training samples into their own span; exact, n coordinates at most."""
    inner = points[:, :-1]
    turned, maker = span_of_gram(inner @ inner.T)
    turned = torch.cat((turned, torch.ones(len(turned), 1)), dim=1)
    return Turned(turned, (turned**2).mean(0), lambda weight: inner.T @ (maker @ weight))


def turn_by_features(points: torch.Tensor) -> Turned:
    """Turn standardised training samples to the principal axes of their features, in place."""
    inner = points[:, :-1]
    values, axes = decompose(inner.T @ inner / len(points))
    for start in range(0, len(points), BLOCK):
        inner[start : start + BLOCK] = inner[start : start + BLOCK] @ axes
    variance = torch.cat((values.clamp_min(0.0), torch.ones(1)))
    return Turned(points, variance, lambda weight: axes @ weight)


@dataclass
class LeadingAxes:
    """The leading axes of the features, to steer the solver where turning would cost too much."""

    axes: torch.Tensor
    variance: torch.Tensor
    rest: float

    def spread(
        self, gradient: torch.Tensor, curvature: torch.Tensor, penalties: torch.Tensor
    ) -> torch.Tensor:
        """Divide by the approximate curvature, which off the axes is the rest's."""
        flat = curvature * self.rest + penalties[:, :, None]
        inner, bias = gradient[:, :-1], gradient[:, -1:]
        turned = torch.matmul(self.axes.T, inner.flatten(2))
        along = turned.reshape(len(turned), -1, *inner.shape[2:])
        bent = self.variance[None, :, None, None] * curvature[:, None]
        bent += penalties[:, None, :, None]
        along *= 1 / bent - 1 / flat[:, None]
        result = torch.matmul(self.axes, along.flatten(2)).reshape(inner.shape)
        result += inner / flat[:, None]
        return torch.cat((result, bias / curvature[:, None]), dim=1)


def leading_axes(some: torch.Tensor) -> LeadingAxes:
    """Find the leading axes on some standardised rows.

    Few rows find few axes, and what they leave is not even: steering is best (by trial) with the
    axes of more than twice the mean variance, and the rest taken for four times what is left.
    """
    n, width = some.shape
    points, maker = span_of_gram(some @ some.T)
    variance = (points**2).sum(0) / n
    mean = float(variance.sum()) / width
    kept = variance > 2 * mean
    left = float((variance.sum() - variance[kept].sum()).clamp_min(0.0))
    rest = 4 * max(left / max(width - int(kept.sum()), 1), 0.1 * mean, 1e-6)
    return LeadingAxes(some.T @ maker[:, kept], variance[kept], rest)
