"""Measures for several labels a sample: of each label, macro, micro and of whole label sets."""

from __future__ import annotations

import math

import numpy as np

from headstart.metrics.calibration import TINY, calibration_figure, weighted_mean
from headstart.metrics.intervals import Resamples, positive_interval, share_interval
from headstart.metrics.ranking import rank_support
from headstart.metrics.single import (
    PerLabel,
    Scores,
    agreement,
    label_figures,
    macro_figures,
    order_of,
    rank_by_label,
)
from headstart.schema import Figure


def multi_scores(said: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> Scores:
    """Return the scores of 0/1 matrices that need no probabilities, under each weighting.

    `precision`, `recall` and `f1` are [weightings, labels]; `micro_f1`, `subset_accuracy` (the
    whole set is right) and `hamming_loss` (share of single answers that are wrong) [weightings].
    """
    said, truth = said.astype(np.float64), truth.astype(np.float64)
    right, of_truth, of_said = weights.T @ (said * truth), weights.T @ truth, weights.T @ said
    both = of_truth.sum(1) + of_said.sum(1)
    micro = np.where(both > 0, 2 * right.sum(1) / np.maximum(both, 1e-12), 1.0)
    wrong = said != truth
    return {
        "micro_f1": micro,
        "subset_accuracy": weighted_mean((~wrong.any(1)).astype(np.float64), weights),
        "hamming_loss": weighted_mean(wrong.mean(1), weights),
        **agreement(right, of_truth, of_said),
    }


def measure_multi(
    probabilities: np.ndarray, said: np.ndarray, truth: np.ndarray, resamples: Resamples
) -> tuple[dict[str, Figure], PerLabel]:
    """Return the overall figures by name, and each label's, all with 95 % intervals.

    Macro figures are means over the labels that occur in the truth. Log-loss, Brier score and
    calibration error are those of single answers (this label or not).
    """
    labels = probabilities.shape[1]
    weights, groups = resamples.weights, float(resamples.groups)
    basic = multi_scores(said, truth, weights)
    by_label = {name: basic[name] for name in ("precision", "recall", "f1")}
    by_label |= rank_by_label(probabilities, lambda label: truth[:, label] > 0, weights)
    members, named = truth > 0, said > 0
    of_truth = np.array([resamples.count(members[:, label]) for label in range(labels)])
    of_rest = np.array([resamples.count(~members[:, label]) for label in range(labels)])
    either = [resamples.count(members[:, label] | named[:, label]) for label in range(labels)]
    supports = {
        "precision": np.array([resamples.count(named[:, label]) for label in range(labels)]),
        "recall": of_truth,
        "f1": np.array(either),
        "roc_auc": rank_support(of_truth, of_rest),
        "average_precision": of_truth,
    }
    exact = np.clip(probabilities.astype(np.float64), TINY, 1 - TINY)
    losses = -np.where(members, np.log(exact), np.log1p(-exact)).mean(1)
    squares = ((probabilities - truth) ** 2).mean(1)
    chances, there = probabilities.astype(np.float64), members.astype(np.float64)
    figures = {
        "subset_accuracy": share_interval(basic["subset_accuracy"], groups),
        "micro_f1": share_interval(basic["micro_f1"], groups),
        "hamming_loss": share_interval(basic["hamming_loss"], groups),
    }
    macros = macro_figures(by_label, supports)
    figures |= {name: macros[name] for name in sorted(macros, key=order_of)}
    figures["log_loss"] = positive_interval(weighted_mean(losses, weights), groups, math.log(2))
    figures["calibration_error"] = calibration_figure(chances, there, resamples)
    figures["brier"] = positive_interval(weighted_mean(squares, weights), groups, 0.25)
    return figures, label_figures(by_label, supports, members.sum(0))
