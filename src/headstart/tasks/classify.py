"""One label a sample: softmax over the classes, judged by macro-F1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart import metrics
from headstart.errors import DataError
from headstart.heads import Kind
from headstart.schema import SINGLE, Evaluation
from headstart.tasks.base import SHOWN_MISTAKES, OneRow, number_labels, order_labels, refuse_unknown

CROSS_AT_MOST = 200
"""Up to so many classes the evaluation holds the confusion matrix; it grows with their square."""

FEW = 10
"""Fewer test samples of a class than this say little about it, and the evaluation says so."""


class Classify(OneRow):
    """One label a sample.

    The headline is macro-F1, the mean F1 of the classes: a model that ignores a rare class cannot
    hide behind its accuracy on the common ones.
    """

    name = SINGLE
    headline = "macro_f1"
    kind: Kind = "softmax"
    guess = "always the most common class"

    def suits(self, targets: Sequence[Any]) -> bool:
        """Tell whether every target is a single label."""
        return all(isinstance(target, str) for target in targets)

    def labels(self, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return the classes in natural order; there have to be at least two."""
        several = next((t for t in targets if isinstance(t, (tuple, list, set, frozenset))), None)
        if several is not None:
            raise DataError(
                f"Examples have several labels each, such as {tuple(several)}; the task 'classify' "
                "is for one.",
                "Use the task 'multilabel', or the separator '' to keep such labels whole.",
            )
        found = order_labels(str(target) for target in targets)
        if len(found) < 2:
            what = f"only one class, {found[0]!r}" if found else "no labelled samples"
            raise DataError(
                f"There is {what}; telling classes apart needs at least two.",
                "Add samples of another class, such as things it must not be taken for.",
            )
        return found

    def encode(self, targets: Sequence[Any], labels: tuple[str, ...]) -> np.ndarray:
        """Return class numbers."""
        numbers = number_labels(labels)
        encoded = np.empty(len(targets), np.int64)
        for row, target in enumerate(targets):
            if str(target) not in numbers:
                raise refuse_unknown(target, labels)
            encoded[row] = numbers[str(target)]
        return encoded

    def shares(self, encoded: np.ndarray, n_labels: int) -> np.ndarray:
        """Return each class's share of the samples."""
        return np.bincount(encoded, minlength=n_labels) / max(len(encoded), 1)

    def score_logits(
        self, logits: np.ndarray, encoded: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Return macro-F1 under each weighting."""
        scores = metrics.single_scores(logits.argmax(1), encoded, logits.shape[1], weights)
        return metrics.macro(scores["f1"])

    def loss(self, logits: torch.Tensor, encoded: np.ndarray, smoothing: float) -> torch.Tensor:
        """Return cross-entropy, with the target smoothed over the classes."""
        truth = torch.as_tensor(encoded)
        return torch.nn.functional.cross_entropy(logits, truth, label_smoothing=smoothing)

    def probabilities(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Return the softmax of the cooled logits; every row sums to 1."""
        return softmax(logits, temperature)

    def score(self, probabilities: np.ndarray, encoded: np.ndarray) -> float:
        """Return macro-F1."""
        return metrics.macro_f1(probabilities.argmax(1), encoded, probabilities.shape[1])

    def decode(
        self, probabilities: np.ndarray, labels: tuple[str, ...]
    ) -> list[tuple[str | tuple[str, ...], float]]:
        """Return each row's most probable class."""
        best = probabilities.argmax(1)
        return [(labels[at], float(row[at])) for at, row in zip(best, probabilities, strict=True)]

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
        resamples = metrics.draw(groups, len(encoded), columns=len(labels), seed=seed)
        figures, per_class = metrics.measure_single(probabilities, encoded, resamples)
        said = probabilities.argmax(1)
        crossed = len(labels) <= CROSS_AT_MOST
        notes = note_few(np.bincount(encoded, minlength=len(labels)), labels)
        grades = metrics.read_grades(labels)
        if grades is not None:
            figures |= metrics.grade_figures(said, encoded, grades, resamples)
            order = sorted(labels, key=lambda label: int(grades[labels.index(label)]))
            notes += (
                f"The labels are grades, from {order[0]} to {order[-1]}: answers are off by "
                f"{figures['grade_error'].value:.2f} of a grade on average.",
            )
        if not crossed:
            notes += (f"The confusion matrix of {len(labels):,} classes is left out.",)
        return Evaluation(
            task=self.name,
            labels=labels,
            headline=self.headline,
            n=len(encoded),
            figures=figures,
            per_class=dict(zip(labels, per_class, strict=True)),
            confusion=tuple(
                tuple(int(count) for count in row)
                for row in metrics.confusion(encoded, said, len(labels))
            )
            if crossed
            else (),
            mistakes=worst_mistakes(probabilities, encoded, said, labels, names),
            notes=notes,
        )


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return the softmax of cooled logits."""
    chances = np.array(logits, np.float64)  # the one copy: with many classes it is large
    chances /= temperature
    chances -= chances.max(1, keepdims=True)
    np.exp(chances, out=chances)
    chances /= chances.sum(1, keepdims=True)
    return chances


def worst_mistakes(
    probabilities: np.ndarray,
    encoded: np.ndarray,
    said: np.ndarray,
    labels: tuple[str, ...],
    names: Sequence[str],
) -> tuple[dict[str, Any], ...]:
    """Return the wrong answers, most confident first: name, truth, what was said, how sure it was.

    `of_truth` is the probability that was left for the truth.
    """
    rows = np.arange(len(encoded))
    sure, of_truth = probabilities[rows, said], probabilities[rows, encoded]
    wrong = np.flatnonzero(said != encoded)
    worst = wrong[np.lexsort((wrong, of_truth[wrong] - sure[wrong]))][:SHOWN_MISTAKES]
    return tuple(
        {
            "name": names[row],
            "truth": labels[encoded[row]],
            "said": labels[said[row]],
            "probability": float(sure[row]),
            "of_truth": float(of_truth[row]),
        }
        for row in worst
    )


def note_few(counts: np.ndarray, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Say which classes the test knows little of, or nothing."""
    notes = []
    absent = [label for label, count in zip(labels, counts, strict=True) if count == 0]
    few = [label for label, count in zip(labels, counts, strict=True) if 0 < count < FEW]
    if absent:
        notes.append(f"No test samples of {shorten(absent)}: nothing is said about them.")
    if few:
        notes.append(f"Fewer than {FEW} test samples of {shorten(few)}: their figures are rough.")
    return tuple(notes)


def shorten(labels: Sequence[str]) -> str:
    """List up to five labels, and how many more there are."""
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(labels[:5]) + more
