"""What the optimiser loop is given to teach, and what comes of it: epochs, and how they ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from headstart.backbones.base import Backbone
from headstart.heads.layer import HeadLayer
from headstart.schema import Phase


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training side came to, judged on the validation side if there is one.

    `watched` is what `Lesson.watch` said of it, where it was asked.
    """

    number: int
    loss: float
    score: float | None
    seconds: float
    watched: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What a phase came to: its epochs, which of them was kept, and why it ended.

    `kept` is 0 where what the phase began with was surely better than what came of it.
    """

    epochs: tuple[Epoch, ...]
    kept: int
    validation_logits: np.ndarray
    stopped: str


@dataclass(frozen=True)
class Judged:
    """A state judged: its score, which is to be high, and what it answered."""

    score: float
    answers: np.ndarray


class Teaching(Protocol):
    """What is learnt from, what is judged by, and how."""

    @property
    def learning(self) -> np.ndarray:
        """Return the positions that an epoch goes over; one may come several times."""

    @property
    def validating(self) -> np.ndarray:
        """Return the positions that states are judged by; none where all are learnt from."""

    @property
    def watch(self) -> Callable[[], float] | None:
        """Return what says how well others are answered at present; None where nobody looks on."""

    def loss(
        self, backbone: Backbone, head: HeadLayer, pairs: Sequence[tuple[int, int]], phase: Phase
    ) -> torch.Tensor:
        """Return the loss of some samples' views, with a gradient."""

    def judge(self, backbone: Backbone, head: HeadLayer, boundary: int) -> Judged | None:
        """Return what the validation side says of the present state; None if it is no number."""
