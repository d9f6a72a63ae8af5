"""How far probabilities can be believed: log-loss, Brier score and expected calibration error."""

from __future__ import annotations

import numpy as np

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


def calibration_error(confidence: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the expected calibration error under each weighting of the samples.

    The mean over bins (see `bins_of`), weighted by what is in them, of the distance between mean
    confidence and the share that was right. Rows are samples; a sample may give several answers.
    """
    n = len(confidence)
    answers = confidence.size // max(n, 1)
    bins = bins_of(confidence.ravel())
    width = int(bins.max()) + 1
    cell = np.repeat(np.arange(n), answers) * width + bins
    gaps = np.bincount(cell, (confidence - right).ravel(), minlength=n * width).reshape(n, width)
    total = np.maximum(weights.sum(0), 1e-12) * answers
    return np.asarray(np.abs(weights.T @ gaps).sum(1) / total)
