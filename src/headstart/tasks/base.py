"""What a task is: how targets are encoded, which head and loss, how outputs read, what counts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from headstart.errors import DataError, closest
from headstart.heads import Kind
from headstart.schema import Evaluation

SHOWN_MISTAKES = 48
"""How many of the worst mistakes an evaluation lists."""


class Task(Protocol):
    """One kind of answer.

    `headline` names the metric that choices and races are decided by, and `kind` says how the
    logits of a sample hang together. Encoded targets are one array whose first dimension is the
    samples: class numbers for `classify`, a 0/1 matrix for `multilabel`. Probabilities are always a
    matrix, a column a label.
    """

    name: str
    headline: str
    kind: Kind

    def suits(self, targets: Sequence[Any]) -> bool:
        """Tell whether raw targets look like this task; used to infer the task."""

    def labels(self, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return the labels of raw targets in a fixed order; refuse what cannot be learnt."""

    def encode(self, targets: Sequence[Any], labels: tuple[str, ...]) -> np.ndarray:
        """Turn raw targets into the encoded array; refuse labels that are not among `labels`."""

    def shares(self, encoded: np.ndarray, n_labels: int) -> np.ndarray:
        """Return each label's share of the samples: what a guess that never looks would say."""

    def score_logits(
        self, logits: np.ndarray, encoded: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Return the headline metric under each weighting of the samples; for choosing heads."""

    def loss(self, logits: torch.Tensor, encoded: torch.Tensor, smoothing: float) -> torch.Tensor:
        """Return the mean training loss of a batch."""

    def probabilities(self, logits: np.ndarray, temperature: float) -> np.ndarray:
        """Turn logits into calibrated probabilities."""

    def score(self, probabilities: np.ndarray, encoded: np.ndarray) -> float:
        """Return the headline metric alone, quickly; for choosing."""

    def decode(
        self, probabilities: np.ndarray, labels: tuple[str, ...]
    ) -> list[tuple[str | tuple[str, ...], float]]:
        """Return for each row what is said and how probable it is."""

    def evaluate(
        self,
        probabilities: np.ndarray,
        encoded: np.ndarray,
        labels: tuple[str, ...],
        names: Sequence[str],
        groups: Sequence[str | None],
        seed: int,
    ) -> Evaluation:
        """Return every figure with its interval, per class and overall, and the worst mistakes."""


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
