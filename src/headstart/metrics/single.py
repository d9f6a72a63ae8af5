"""Measures for one label a sample: of each class, macro (each class counts once) and overall."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from headstart.metrics.calibration import TINY, calibration_figure, weighted_mean
from headstart.metrics.intervals import (
    Resamples,
    mean_interval,
    positive_interval,
    share_interval,
)
from headstart.metrics.ranking import rank_measures, rank_support
from headstart.schema import Figure

Scores = Mapping[str, np.ndarray]
PerLabel = tuple[Mapping[str, Figure | int], ...]


def confusion(truth: np.ndarray, said: np.ndarray, labels: int) -> np.ndarray:
    """Return the counts of truth (rows) against what was said (columns)."""
    counts = np.zeros((labels, labels), np.int64)
    np.add.at(counts, (truth, said), 1)
    return counts


def sum_by(numbers: np.ndarray, labels: int, weights: np.ndarray) -> np.ndarray:
    """Sum weights by label number: [weightings, labels]. A negative number counts nowhere."""
    sums = np.zeros((labels, weights.shape[1]), np.float64)
    kept = np.flatnonzero(numbers >= 0)
    rows = kept[np.argsort(numbers[kept], kind="stable")]
    present, starts = np.unique(numbers[rows], return_index=True)
    if len(rows):
        sums[present] = np.add.reduceat(weights[rows], starts, axis=0)
    return sums.T


def agreement(right: np.ndarray, of_truth: np.ndarray, of_said: np.ndarray) -> Scores:
    """Return precision, recall and F1 by label from weights that are right, true, and said.

    A label without a true sample in a weighting has none of the three there (NaN, left out of
    macro figures); one that is true but never said has precision 0.
    """
    there = of_truth > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(there, np.where(of_said > 0, right / of_said, 0.0), np.nan)
        recall = np.where(there, right / of_truth, np.nan)
        f1 = np.where(there, 2 * right / (of_truth + of_said), np.nan)
    return {"precision": precision, "recall": recall, "f1": f1}


def single_scores(said: np.ndarray, truth: np.ndarray, labels: int, weights: np.ndarray) -> Scores:
    """Return the scores that need no probabilities, under each weighting.

    `accuracy` is [weightings]; `precision`, `recall` and `f1` are [weightings, labels].
    """
    correct = said == truth
    right = sum_by(np.where(correct, truth, -1), labels, weights)
    of_truth, of_said = sum_by(truth, labels, weights), sum_by(said, labels, weights)
    accuracy = right.sum(1) / np.maximum(of_truth.sum(1), 1e-12)
    return {"accuracy": accuracy, **agreement(right, of_truth, of_said)}


def macro(by_label: np.ndarray) -> np.ndarray:
    """Return the mean over labels (last axis) that are defined."""
    defined = np.isfinite(by_label)
    return np.asarray(np.where(defined, by_label, 0.0).sum(-1) / np.maximum(defined.sum(-1), 1))


def macro_f1(said: np.ndarray, truth: np.ndarray, labels: int) -> float:
    """Return the mean F1 over the classes that occur in the truth."""
    once = np.ones((len(truth), 1))
    return float(macro(single_scores(said, truth, labels, once)["f1"])[0])


def label_supports(
    truth: np.ndarray, said: np.ndarray, labels: int, resamples: Resamples
) -> dict[str, np.ndarray]:
    """Return how many independent groups each label's figures rest on, by figure."""

    def distinct(*numbers: np.ndarray) -> np.ndarray:
        pairs = np.unique(
            np.concatenate([number * resamples.groups + resamples.group for number in numbers])
        )
        return np.bincount(pairs // max(resamples.groups, 1), minlength=labels)

    of_truth = distinct(truth)
    return {
        "precision": distinct(said),
        "recall": of_truth,
        "f1": distinct(truth, said),
        "roc_auc": rank_support(of_truth, resamples.groups - of_truth),
        "average_precision": of_truth,
    }


def rank_by_label(
    probabilities: np.ndarray, is_positive: Callable[[int], np.ndarray], weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return ROC-AUC and average precision, one label against the rest: [weightings, labels]."""
    columns = [
        rank_measures(probabilities[:, label], is_positive(label), weights)
        for label in range(probabilities.shape[1])
    ]
    area, average = (np.stack(part, axis=1) for part in zip(*columns, strict=True))
    return {"roc_auc": area, "average_precision": average}


def label_figures(
    scores: Scores, supports: Mapping[str, np.ndarray], samples: np.ndarray
) -> PerLabel:
    """Return each label's figures with intervals, and how many samples it has (`support`)."""
    return tuple(
        {
            **{
                name: share_interval(values[:, label], float(supports[name][label]))
                for name, values in scores.items()
                if math.isfinite(values[0, label])
            },
            "support": int(count),
        }
        for label, count in enumerate(samples)
    )


def macro_figures(scores: Scores, supports: Mapping[str, np.ndarray]) -> dict[str, Figure]:
    """Return the macro figures with intervals; one that no label defines is left out."""
    return {
        ("roc_auc" if name == "roc_auc" else f"macro_{name}"): mean_interval(
            values, supports[name].astype(np.float64)
        )
        for name, values in scores.items()
        if np.isfinite(values[0]).any()
    }


def measure_single(
    probabilities: np.ndarray, truth: np.ndarray, resamples: Resamples
) -> tuple[dict[str, Figure], PerLabel]:
    """Return the overall figures by name, and each class's, all with 95 % intervals.

    Macro figures are means over the classes that occur in the truth; `balanced_accuracy` is the
    macro recall under its usual name, `roc_auc` the macro one-against-rest area.
    """
    n, labels = probabilities.shape
    weights, groups = resamples.weights, float(resamples.groups)
    said = probabilities.argmax(1)
    basic = single_scores(said, truth, labels, weights)
    by_label = {name: basic[name] for name in ("precision", "recall", "f1")}
    by_label |= rank_by_label(probabilities, lambda label: truth == label, weights)
    supports = label_supports(truth, said, labels, resamples)
    of_truth = probabilities[np.arange(n), truth]
    loss = weighted_mean(-np.log(np.clip(of_truth, TINY, 1.0)), weights)
    squares = (probabilities.astype(np.float64) ** 2).sum(1) - 2 * of_truth + 1
    confidence = probabilities.max(1).astype(np.float64)
    right = (said == truth).astype(np.float64)
    figures = {"accuracy": share_interval(basic["accuracy"], groups)}
    macros = macro_figures(by_label, supports)
    figures["balanced_accuracy"] = macros["macro_recall"]
    figures |= {name: macros[name] for name in sorted(macros, key=order_of)}
    figures["log_loss"] = positive_interval(loss, groups, math.log(max(labels, 2)))
    figures["calibration_error"] = calibration_figure(confidence, right, resamples)
    figures["brier"] = positive_interval(weighted_mean(squares, weights), groups, 1.0)
    return figures, label_figures(by_label, supports, np.bincount(truth, minlength=labels))


ORDER: Sequence[str] = (
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "roc_auc",
    "macro_average_precision",
)


def order_of(name: str) -> int:
    """Return where a macro figure stands in tables."""
    return ORDER.index(name)
