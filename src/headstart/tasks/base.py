"""What a task is: how targets are encoded, which head and loss, how outputs read, what counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from headstart.asked import Located
from headstart.errors import DataError, closest
from headstart.heads import Kind
from headstart.modalities.base import Modality
from headstart.schema import Evaluation, InputSpec, Prediction, Sample

SHOWN_MISTAKES = 48
"""How many of the worst mistakes an evaluation lists."""


class Task(Protocol):
    """One kind of answer.

    `headline` names the metric that choices and races are decided by, and `kind` says how the
    logits of a row hang together. A sample has one row (a task that is a `OneRow`), or several.
    Encoded targets are rows: class numbers, or a 0/1 matrix; one a sample, or a `Ragged` of them.
    Probabilities are always a matrix, a line a row and a column a label. Weights are of samples.
    `guess` says what it is to say the `shares` of every row, without looking.
    """

    name: str
    headline: str
    kind: Kind
    guess: str

    def suits(self, targets: Sequence[Any]) -> bool:
        """Tell whether raw targets look like this task; used to infer the task."""

    def ask(self, source: Any) -> Any:
        """Return an input as this task asks about it: as it is, or marked for rows of its own."""

    def place(
        self, samples: Sequence[Sample], modality: Modality, spec: InputSpec
    ) -> tuple[Sample, ...]:
        """Return samples whose targets say all that encoding needs, such as where rows stand."""

    def labels(self, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return the labels of raw targets in a fixed order; refuse what cannot be learnt."""

    def spoken(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return what the labels are called by a person, as in `labels_of` a target."""

    def encode(self, targets: Sequence[Any], labels: tuple[str, ...]) -> Any:
        """Turn raw targets into the encoded rows; refuse labels that are not among `labels`."""

    def mix(self, encoded: Any) -> np.ndarray:
        """Return what splits share out evenly: a number a sample, or a 0/1 matrix."""

    def shares(self, encoded: Any, n_labels: int) -> np.ndarray:
        """Return each label's share of the rows: what a guess that never looks would say."""

    def score_logits(self, logits: np.ndarray, encoded: Any, weights: np.ndarray) -> np.ndarray:
        """Return the headline metric under each weighting of the samples; for choosing heads."""

    def loss(self, logits: torch.Tensor, encoded: Any, smoothing: float) -> torch.Tensor:
        """Return the mean training loss of a batch."""

    def probabilities(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Turn logits into calibrated probabilities."""

    def score(self, probabilities: np.ndarray, encoded: Any) -> float:
        """Return the headline metric alone, quickly; for choosing."""

    def say(
        self,
        names: Sequence[str],
        located: Sequence[Located | None],
        rows: Sequence[np.ndarray],
        known: Sequence[bool],
        labels: tuple[str, ...],
    ) -> list[Prediction]:
        """Return what is said of each input, from the probabilities of its rows.

        `located` tells where the rows stand, where several are marked in an input.
        """

    def evaluate(
        self,
        probabilities: np.ndarray,
        encoded: Any,
        labels: tuple[str, ...],
        names: Sequence[str],
        groups: Sequence[str | None],
        seed: int,
    ) -> Evaluation:
        """Return every figure with its interval, per class and overall, and the worst mistakes."""


class Targeted:
    """What tasks share whose targets say by themselves what is right for each row."""

    def place(
        self, samples: Sequence[Sample], modality: Modality, spec: InputSpec
    ) -> tuple[Sample, ...]:
        """Return the samples as they are."""
        return tuple(samples)


class OneRow(Targeted):
    """What tasks share that ask about an input as a whole: it has one row, and one answer."""

    def ask(self, source: Any) -> Any:
        """Return the input as it is."""
        return source

    def spoken(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return the labels as they are."""
        return labels

    def mix(self, encoded: np.ndarray) -> np.ndarray:
        """Return the encoded targets: labels are shared out evenly."""
        return encoded

    def decode(
        self, probabilities: np.ndarray, labels: tuple[str, ...]
    ) -> list[tuple[str | tuple[str, ...], float]]:
        """Return for each row what is said and how probable it is."""
        raise NotImplementedError

    def say(
        self,
        names: Sequence[str],
        located: Sequence[Located | None],
        rows: Sequence[np.ndarray],
        known: Sequence[bool],
        labels: tuple[str, ...],
    ) -> list[Prediction]:
        """Return each input's answer with the probability of every label."""
        probabilities = np.concatenate(rows)
        said = self.decode(probabilities, labels)
        return [
            Prediction(name, label, sure, dict(zip(labels, map(float, row), strict=True)), seen)
            for name, row, (label, sure), seen in zip(
                names, probabilities, said, known, strict=True
            )
        ]


def refuse_other_task(task: Task, targets: Sequence[Any]) -> None:
    """Refuse targets of whole inputs where a task is of rows, and the other way round."""
    whole = [isinstance(target, str | tuple | list | set | frozenset) for target in targets]
    if all(whole) if isinstance(task, OneRow) else task.suits(targets):
        return
    found = "one answer for each input" if any(whole) else "places in each input"
    raise DataError(
        f"The data are labelled with {found}, which is nothing for the task '{task.name}'.",
        "Leave --task away, or give data in the form that the task takes (see docs/data.md).",
    )


def order_labels(found: Iterable[str]) -> tuple[str, ...]:
    """Return labels in the order a person would list them: `2` before `10`, cases together."""

    def pieces(label: str) -> tuple[list[tuple[int, int, str]], str]:
        parts = re.split(r"(\d+)", label.casefold())
        return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts if p], label

    return tuple(sorted(set(found), key=pieces))


def number_labels(labels: tuple[str, ...]) -> dict[str, int]:
    """Return the number of each label."""
    return {label: number for number, label in enumerate(labels)}


def refuse_unknown(label: Any, labels: tuple[str, ...]) -> DataError:
    """Return the error for a target that is not among the labels."""
    shown = ", ".join(labels[:8]) + (" …" if len(labels) > 8 else "")
    return DataError(
        f"The label {label!r} is not one of the {len(labels)} known ones."
        f"{closest(str(label), labels)}",
        f"Use only labels that were learnt from: {shown}.",
    )
