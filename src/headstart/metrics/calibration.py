"""How far probabilities can be believed: log-loss, Brier score and expected calibration error."""

from __future__ import annotations

import numpy as np

from headstart.metrics.intervals import Resamples, Z, share_interval, spread
from headstart.schema import Figure

TINY = 1e-7
MOST_BINS = 15
LEAST_IN_BIN = 10


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of a value a sample under each weighting (column)."""
    return np.asarray(values @ weights / np.maximum(weights.sum(0), 1e-12))


def bins_of(confidence: np.ndarray) -> np.ndarray:
    """Number the bin of each confidence: up to 15 of equal mass, at least 10 samples in each.

    Equal mass rather than equal width, since a good model's confidences crowd near 1 and would
    leave most bins of equal width nearly empty. Equal confidences always share a bin.
    """
    bins = int(np.clip(len(confidence) // LEAST_IN_BIN, 1, MOST_BINS))
    edges = np.unique(np.quantile(confidence, np.arange(1, bins) / bins, method="higher"))
    return np.asarray(np.searchsorted(edges, confidence, "right"))


def calibration_error(
    confidence: np.ndarray, right: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the expected calibration error under each weighting, and what chance alone makes.

    The mean over bins (see `bins_of`), weighted by what is in them, of the distance between mean
    confidence and the share that was right. Rows are samples; a sample may give several answers.
    Even perfectly calibrated answers land above or below their confidence, so a small test never
    shows 0; the second number is the error to expect then.
    """
    n = len(confidence)
    answers = confidence.size // max(n, 1)
    bins = bins_of(confidence.ravel())
    width = int(bins.max()) + 1
    cell = np.repeat(np.arange(n), answers) * width + bins
    gaps = np.bincount(cell, (confidence - right).ravel(), minlength=n * width).reshape(n, width)
    total = np.maximum(weights.sum(0), 1e-12) * answers
    error = np.abs(weights.T @ gaps).sum(1) / total
    luck = np.bincount(bins, (confidence * (1 - confidence)).ravel(), minlength=width)
    return error, float(np.sqrt(luck * 2 / np.pi).sum() / max(confidence.size, 1))


def calibration_figure(confidence: np.ndarray, right: np.ndarray, resamples: Resamples) -> Figure:
    """Return the calibration error; its interval reaches down by what chance alone makes."""
    error, chance = calibration_error(confidence, right, resamples.weights)
    figure = share_interval(error, resamples.groups)
    low = figure.value - chance - Z * float(spread(error[1:]))
    return Figure(figure.value, max(0.0, min(figure.low, low)), figure.high)
