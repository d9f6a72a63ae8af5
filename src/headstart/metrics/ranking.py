"""How well scores rank: area under the ROC curve and average precision, for weighted samples."""

from __future__ import annotations

import numpy as np

from headstart.metrics.intervals import Z


def rank_measures(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ROC-AUC and average precision of one label under each weighting (column).

    Ties count half for the area; for average precision tied samples enter together, as in
    scikit-learn. Undefined (NaN) where a weighting has no positive or no negative.

    Only sums of weights between neighbouring positives are needed: the area is how much negative
    weight lies below each positive, the precision is how much of either lies above.
    """
    yes, no = np.flatnonzero(positive), np.flatnonzero(~positive)
    columns = weights.shape[1]
    if len(yes) == 0 or len(no) == 0:
        return np.full(columns, np.nan), np.full(columns, np.nan)
    yes = yes[np.argsort(scores[yes], kind="stable")]
    no = no[np.argsort(scores[no], kind="stable")]
    levels, level = np.unique(scores[yes], return_inverse=True)
    weight_yes = sums_from(weights, yes, np.searchsorted(level, np.arange(len(levels))))
    below = np.searchsorted(scores[no], levels, "left")
    to = np.searchsorted(scores[no], levels, "right")
    cuts = np.column_stack((below, to)).ravel()
    pieces = sums_from(weights, no, np.concatenate(([0], cuts)))
    total_no = pieces.sum(0)
    running = np.cumsum(pieces, axis=0)
    negative_below, negative_through = running[0:-1:2], running[1::2]
    total_yes = weight_yes.sum(0)
    at_or_above = total_yes - np.cumsum(weight_yes, axis=0) + weight_yes
    with np.errstate(divide="ignore", invalid="ignore"):
        won = (weight_yes * (negative_below + negative_through) / 2).sum(0)
        area = won / (total_yes * total_no)
        said = at_or_above + (total_no - negative_below)
        precision = np.where(said > 0, at_or_above / said, 0.0)
        average = (weight_yes * precision).sum(0) / total_yes
    return area, np.where(total_no > 0, average, np.nan)


def rank_support(yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    """Return how many yes/no answers a perfect ROC-AUC of so many positives and negatives is worth.

    By Hanley and McNeil's variance and Newcombe's score interval for it: an area of 1 is compatible
    with 1 - d where d² = z² V(1 - d). A share of 1 among z² (1 - d) / d answers says the same.
    """
    yes, no = np.maximum(yes, 1.0), np.maximum(no, 1.0)
    middle = np.maximum((yes + no) / 2 - 1, 0.0)
    missing = np.full(yes.shape, 0.5)
    for _ in range(60):
        area = 1 - missing
        bracket = 1 + middle * missing / (1 + missing) + middle * area / (1 + area)
        missing = np.clip(Z * Z * area * bracket / (yes * no), 1e-9, 0.95) * 0.5 + missing * 0.5
    return np.asarray(Z * Z * (1 - missing) / missing)


def sums_from(weights: np.ndarray, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Sum the weights of consecutive stretches of `rows`, one beginning at each of `starts`.

    A stretch may be empty, which `reduceat` alone would get wrong.
    """
    ends = np.append(starts[1:], len(rows))
    sums = np.zeros((len(starts), weights.shape[1]))
    filled = np.flatnonzero(ends > starts)
    if len(filled):
        sums[filled] = np.add.reduceat(weights[rows], starts[filled], axis=0)
    return sums
