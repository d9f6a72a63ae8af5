"""The head: a linear map on standardised readings, and the record of how it was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from headstart.schema import Choice

Reading = tuple[int, str]
"""Where a vector was read: the boundary, and the reading's name there ("mean", "grid", ...)."""

Kind = Literal["softmax", "sigmoid"]
"""One label a sample (softmax), or each label on its own (sigmoid)."""

BLOCK_ROWS = 4096


@dataclass
class Head:
    """A linear classifier on readings laid side by side, standardised by the training samples.

    `temperature` is kept beside the weights: logits are raw, and a task divides by it when it
    turns them into probabilities.
    """

    readings: tuple[Reading, ...]
    center: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    temperature: float = 1.0

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Return a row of logits for each row of vectors (the readings, concatenated in order)."""
        weight = self.weight / self.scale[:, None]
        result = np.empty((len(vectors), len(self.bias)), np.float32)
        for start in range(0, len(vectors), BLOCK_ROWS):
            part = slice(start, start + BLOCK_ROWS)
            result[part] = (vectors[part] - self.center) @ weight + self.bias
        return result

    def read(
        self, readings: Mapping[Reading, np.ndarray], rows: np.ndarray | None = None
    ) -> np.ndarray:
        """Pick this head's readings (of all samples, or of some rows) and lay them side by side."""
        parts = [readings[key] if rows is None else readings[key][rows] for key in self.readings]
        return np.concatenate([np.asarray(part, np.float32) for part in parts], axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything but the readings' names as arrays, ready for safetensors."""
        return {
            "center": self.center,
            "scale": self.scale,
            "weight": self.weight,
            "bias": self.bias,
            "temperature": np.array([self.temperature], np.float64),
        }

    @classmethod
    def from_arrays(cls, readings: Sequence[Reading], arrays: Mapping[str, np.ndarray]) -> Head:
        """Rebuild a head from its arrays."""
        return cls(
            tuple((int(boundary), str(name)) for boundary, name in readings),
            arrays["center"],
            arrays["scale"],
            arrays["weight"],
            arrays["bias"],
            float(arrays["temperature"][0]),
        )


@dataclass(frozen=True)
class Trial:
    """One head that was tried: on which readings, how, and how it did out of fold."""

    what: str
    readings: tuple[Reading, ...]
    penalty: float
    class_weights: bool
    score: float
    low: float
    high: float
    loss: float
    seconds: float
    kept: bool
    why: str

    def choice(self) -> Choice:
        """Return the trial as a line of the report."""
        return Choice(self.what, self.score, self.low, self.high, self.seconds, self.kept, self.why)


@dataclass
class HeadSearch:
    """The chosen head, everything that was tried, and what the choice says of its own samples.

    `out_of_fold` holds raw logits (before the temperature) that each row got from a head that had
    not seen its sample's fold: what calibration, likely mislabels and "unknown" are judged by.
    """

    head: Head
    trials: list[Trial] = field(default_factory=list)
    out_of_fold: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
