"""Any number of labels a sample: an independent yes or no for each, judged by macro-F1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart import metrics
from headstart.errors import DataError
from headstart.heads import Kind
from headstart.schema import MULTI, Evaluation
from headstart.tasks.base import SHOWN_MISTAKES, OneRow, number_labels, order_labels, refuse_unknown
from headstart.tasks.classify import note_few

THRESHOLD = 0.5
"""A label is said when it is more probable than not. Probabilities are calibrated, so this keeps
their meaning, and nobody has to wonder why a label at 0.3 was said."""


class Multilabel(OneRow):
    """Any number of labels a sample, none included."""

    name = MULTI
    headline = "macro_f1"
    kind: Kind = "sigmoid"
    guess = "always every label"

    def suits(self, targets: Sequence[Any]) -> bool:
        """Tell whether the targets are collections of labels."""
        return all(isinstance(target, (tuple, list, set, frozenset)) for target in targets)

    def labels(self, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return the labels in natural order; there have to be at least two."""
        found = order_labels(str(label) for target in targets for label in label_set(target))
        if len(found) < 2:
            what = f"only one label, {found[0]!r}" if found else "no labelled samples"
            raise DataError(
                f"There is {what}; several labels per example need at least two.",
                "Add samples with other labels, or use the task 'classify' for yes and no.",
            )
        return found

    def encode(self, targets: Sequence[Any], labels: tuple[str, ...]) -> np.ndarray:
        """Return a 0/1 matrix, a column a label."""
        numbers = number_labels(labels)
        encoded = np.zeros((len(targets), len(labels)), np.int64)
        for row, target in enumerate(targets):
            for label in label_set(target):
                if str(label) not in numbers:
                    raise refuse_unknown(label, labels)
                encoded[row, numbers[str(label)]] = 1
        return encoded

    def shares(self, encoded: np.ndarray, n_labels: int) -> np.ndarray:
        """Return each label's share of the samples."""
        return np.asarray(encoded.sum(0) / max(len(encoded), 1))

    def score_logits(
        self, logits: np.ndarray, encoded: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Return macro-F1 under each weighting."""
        return metrics.macro(metrics.multi_scores(logits > 0, encoded, weights)["f1"])

    def loss(self, logits: torch.Tensor, encoded: np.ndarray, smoothing: float) -> torch.Tensor:
        """Return binary cross-entropy, with the targets smoothed towards even odds."""
        soft = torch.as_tensor(encoded).to(logits.dtype) * (1 - smoothing) + smoothing / 2
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, soft)

    def probabilities(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Return each label's own probability; rows need not sum to 1."""
        cooled = np.asarray(logits, np.float64) / temperature
        return np.asarray(np.exp(-np.logaddexp(0, -cooled)))

    def score(self, probabilities: np.ndarray, encoded: np.ndarray) -> float:
        """Return macro-F1."""
        once = np.ones((len(encoded), 1))
        scores = metrics.multi_scores(probabilities > THRESHOLD, encoded, once)
        return float(metrics.macro(scores["f1"])[0])

    def decode(
        self, probabilities: np.ndarray, labels: tuple[str, ...]
    ) -> list[tuple[str | tuple[str, ...], float]]:
        """Return the labels more probable than not, and how probable the least sure answer is."""
        said = []
        for row in probabilities:
            chosen = tuple(labels[at] for at in np.flatnonzero(row > THRESHOLD))
            said.append((chosen, float(np.maximum(row, 1 - row).min())))
        return list(said)

    def evaluate(
        self,
        probabilities: np.ndarray,
        encoded: np.ndarray,
        labels: tuple[str, ...],
        names: Sequence[str],
        groups: Sequence[str | None],
        seed: int,
    ) -> Evaluation:
        """Return every figure with its interval, and the most confident mistakes first."""
        said = probabilities > THRESHOLD
        resamples = metrics.draw(groups, len(encoded), columns=len(labels), seed=seed)
        figures, per_class = metrics.measure_multi(probabilities, said, encoded, resamples)
        return Evaluation(
            task=self.name,
            labels=labels,
            headline=self.headline,
            n=len(encoded),
            figures=figures,
            per_class=dict(zip(labels, per_class, strict=True)),
            mistakes=worst_sets(probabilities, encoded, said, labels, names),
            notes=note_few(encoded.sum(0), labels),
        )


def label_set(target: Any) -> tuple[Any, ...]:
    """Return a target's labels; a lone string is one label."""
    return (target,) if isinstance(target, str) else tuple(target or ())


def worst_sets(
    probabilities: np.ndarray,
    encoded: np.ndarray,
    said: np.ndarray,
    labels: tuple[str, ...],
    names: Sequence[str],
) -> tuple[dict[str, Any], ...]:
    """Return the wrong label sets, the most confident single error first.

    `probability` is how sure the worst wrong answer was, and `of_truth` what it left for the truth.
    """
    sure = np.where(said != (encoded > 0), np.maximum(probabilities, 1 - probabilities), 0.0)
    worst_of = sure.max(1)
    wrong = np.flatnonzero((said != (encoded > 0)).any(1))
    worst = wrong[np.lexsort((wrong, -worst_of[wrong]))][:SHOWN_MISTAKES]

    def listed(row: np.ndarray) -> list[str]:
        return [labels[at] for at in np.flatnonzero(row)]

    return tuple(
        {
            "name": names[row],
            "truth": listed(encoded[row]),
            "said": listed(said[row]),
            "probability": float(worst_of[row]),
            "of_truth": float(1 - worst_of[row]),
        }
        for row in worst
    )
