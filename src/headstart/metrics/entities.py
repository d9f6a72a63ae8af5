"""Named things in texts, counted as seqeval does in its strict mode, and what they come to.

Tags are numbers: 0 is outside (O), 2t + 1 begins a thing of type t (B-), 2t + 2 goes on with it
(I-). A thing begins at a B- and goes on as long as I- of its own type follow; an I- that goes on
with nothing is part of nothing. A thing is right if its type, its first and its last word are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.metrics.calibration import calibration_figure
from headstart.metrics.intervals import Resamples, share_interval
from headstart.metrics.single import PerLabel, agreement, label_figures, macro_figures
from headstart.schema import Figure


@dataclass(frozen=True)
class Entities:
    """Named things: the rows at which they begin and end (the one after the last), their type."""

    begin: np.ndarray
    end: np.ndarray
    type: np.ndarray

    def among(self, others: Entities) -> np.ndarray:
        """Return a mask of those that stand among others, with the same type and ends."""
        theirs = set(others.listed())
        return np.array([each in theirs for each in self.listed()], bool)

    def listed(self) -> list[tuple[int, int, int]]:
        """Return begin, end and type of each."""
        numbers = (each.tolist() for each in (self.begin, self.end, self.type))
        return list(zip(*numbers, strict=True))


def find_entities(tags: np.ndarray, starts: np.ndarray) -> Entities:
    """Return the things that a row of tags names; texts begin at `starts`."""
    going_on = (tags > 0) & (tags % 2 == 0)
    before = np.concatenate([[0], tags[:-1]])
    inside = going_on & ((before == tags) | (before == tags - 1))
    inside[starts] = False
    begin = np.flatnonzero(tags % 2 == 1)
    over = np.append(np.flatnonzero(~inside), len(tags))
    end = over[np.searchsorted(over, begin, "right")]
    return Entities(begin, end, (tags[begin] - 1) // 2)


@dataclass(frozen=True)
class Counts:
    """How many things of each type are right, true and said, in each text: [texts, types]."""

    right: np.ndarray
    of_truth: np.ndarray
    of_said: np.ndarray


def count_entities(said: np.ndarray, truth: np.ndarray, lengths: np.ndarray, types: int) -> Counts:
    """Compare the tags of texts, laid end to end, with the true ones."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    mine, true = find_entities(said, starts), find_entities(truth, starts)

    def count(found: Entities, kept: np.ndarray | slice = slice(None)) -> np.ndarray:
        cells = owner[found.begin[kept]] * types + found.type[kept]
        return np.bincount(cells, minlength=len(lengths) * types).reshape(-1, types)

    return Counts(count(mine, mine.among(true)), count(true), count(mine))


def entity_f1(counts: Counts, weights: np.ndarray) -> np.ndarray:
    """Return the F1 over all things under each weighting of the texts; 0 where there are none."""
    right, truth, said = (weights.T @ each.sum(1) for each in _tables(counts))
    return np.asarray(2 * right / np.maximum(truth + said, 1e-12))


def measure_entities(
    counts: Counts,
    sure: np.ndarray,
    right: np.ndarray,
    owner: np.ndarray,
    resamples: Resamples,
) -> tuple[dict[str, Figure], PerLabel]:
    """Return the overall figures and each type's, with 95 % intervals from resampled texts.

    `sure` is how probable each thing was said to be, `right` whether it is one, `owner` its text.
    """
    weights = resamples.weights
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = [(weights.T @ each.sum(1))[:, None] for each in _tables(counts)]
        overall = agreement(*whole)
        by_type = agreement(*(weights.T @ each for each in _tables(counts)))
    supports = {
        "precision": _groups(counts.of_said, resamples),
        "recall": _groups(counts.of_truth, resamples),
        "f1": _groups(counts.of_said + counts.of_truth, resamples),
    }
    figures = {
        f"entity_{name}": share_interval(
            np.nan_to_num(overall[name][:, 0]), float(resamples.groups)
        )
        for name in ("f1", "precision", "recall")
    }
    macros = macro_figures(by_type, supports)
    figures |= {"macro_f1": macros["macro_f1"]} if "macro_f1" in macros else {}
    if len(sure):
        said = Resamples(weights[owner], resamples.group[owner])
        figures["calibration_error"] = calibration_figure(sure, right.astype(np.float64), said)
    return figures, label_figures(by_type, supports, counts.of_truth.sum(0))


def _tables(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return counts.right, counts.of_truth, counts.of_said


def _groups(table: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Return how many independent groups have a thing of each type."""
    return np.array([resamples.count(column > 0) for column in table.T])
