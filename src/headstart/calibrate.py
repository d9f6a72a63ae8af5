"""One number that makes a head's probabilities mean what they say: the temperature.

Logits that no sample's own head had a part in (out of fold, or of a validation side) are divided by
it. It ranks nothing anew, so accuracy and ROC-AUC stay as they are.
"""

from __future__ import annotations

import math

import numpy as np

from headstart.ragged import Ragged, Rows, flat, rows_of, spread

COLDEST, HOTTEST = 0.05, 20.0
NUMBERS = 4_000_000
"""Logits looked at by one fit, or worked on at a time: plenty for one number."""

GOLDEN = (math.sqrt(5) - 1) / 2


def log_losses(logits: np.ndarray, encoded: Rows, temperature: float = 1.0) -> np.ndarray:
    """Return each row's log-loss: of its class, or (0/1 matrix) the mean over its labels.

    Where the several rows of a sample have a 0/1 matrix, it says which of them are the right ones:
    each bears the loss of finding these among all of its sample's.
    """
    if isinstance(encoded, Ragged) and encoded.values.ndim == 2:
        return _among(logits / np.float32(temperature), encoded)
    encoded = flat(encoded)
    losses = np.empty(len(logits), np.float32)
    step = max(1, NUMBERS // max(1, logits.shape[1]))
    for start in range(0, len(logits), step):
        part = slice(start, start + step)
        cooled, truth = logits[part] / np.float32(temperature), encoded[part]
        if encoded.ndim == 2:
            losses[part] = (np.logaddexp(0, cooled) - cooled * truth).mean(1)
        else:
            cooled -= cooled.max(1, keepdims=True)
            of_truth = np.take_along_axis(cooled, truth[:, None], axis=1)[:, 0].copy()
            losses[part] = np.log(np.exp(cooled, out=cooled).sum(1)) - of_truth
    return losses


def _among(cooled: np.ndarray, encoded: Ragged) -> np.ndarray:
    """Return for each row how surprising the right ones are among its sample's, by label."""
    every = np.logaddexp.reduceat(cooled, encoded.starts)
    right = np.where(encoded.values > 0, cooled, np.float32(-1e9))
    losses = (every - np.logaddexp.reduceat(right, encoded.starts)).mean(1)
    return spread(losses.astype(np.float32), encoded)


def thin(logits: np.ndarray, encoded: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return every few-th row where there are more logits than a temperature needs."""
    step = max(1, logits.size // NUMBERS)
    return np.asarray(logits[::step], np.float32), flat(encoded)[::step]


def _looked_at(logits: np.ndarray, encoded: Rows) -> tuple[np.ndarray, Rows]:
    """Return what a temperature is fitted on; samples that are judged as a whole are kept whole."""
    if isinstance(encoded, Ragged) and encoded.values.ndim == 2:
        step = max(1, logits.size // NUMBERS)
        some = np.arange(0, len(encoded), step)
        return logits[rows_of(encoded, some)], encoded[some]
    return thin(logits, encoded)


def fit_temperature(logits: np.ndarray, encoded: Rows, *, doubt: float = 1.0) -> float:
    """Return the temperature with the lowest log-loss, sure of itself only with enough samples.

    `doubt` is how far (in nats) a temperature one factor e away from 1 is held against it: with 20
    samples that all came out right the loss alone would ask for certainty without end. A handful
    of samples that are confidently wrong outweighs it. The result stays between 0.05 and 20.
    """
    if len(logits) == 0:
        return 1.0
    some, truth = _looked_at(logits, encoded)

    def cost(log_temperature: float) -> float:
        losses = log_losses(some, truth, math.exp(log_temperature))
        return float(losses.sum(dtype=np.float64)) + doubt * log_temperature**2

    low, high = math.log(COLDEST), math.log(HOTTEST)
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = cost(left), cost(right)
    while high - low > 0.01:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = cost(right)
    return math.exp((low + high) / 2)
