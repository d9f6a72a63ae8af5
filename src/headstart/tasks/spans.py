"""From how likely each row begins and ends an answer to the answer: the n best, and how sure.

A row's two logits say how much speaks for the answer's beginning there and for its ending there;
over all rows of a question (in every window of its text) they become two distributions. A stretch
within one window is as likely as its beginning times its end, and a stretch that several windows
show is as likely as in all of them together. That the text does not answer is one candidate more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from headstart.asked import Located

MOST_ROWS = 40
"""Tokens of the longest answer."""

LOOKED_AT = 20
"""As many of the likeliest beginnings in a window, and of the likeliest ends, are paired."""


@dataclass(frozen=True)
class Candidate:
    """A stretch of the text that may be the answer, and how probable; -1 to -1 is none of it."""

    start: int
    end: int
    probability: float


def best_spans(logits: np.ndarray, located: Located, count: int) -> list[Candidate]:
    """Return the likeliest answers, the best first; the probabilities of all sum to 1."""
    places = np.array(located.places, np.int64)
    begins, ends = (_shares(logits[:, side]) for side in (0, 1))
    found: dict[tuple[int, int], float] = {}
    for window in np.unique(places[:, 0]):
        rows = np.flatnonzero(places[:, 0] == window)
        inner = rows[places[rows, 1] >= 0]
        none = rows[places[rows, 1] < 0]
        unsaid = float(begins[none].sum() * ends[none].sum())
        found[-1, -1] = found.get((-1, -1), 0.0) + unsaid
        first = inner[np.argsort(-begins[inner], kind="stable")[:LOOKED_AT]]
        last = inner[np.argsort(-ends[inner], kind="stable")[:LOOKED_AT]]
        length = last[None] - first[:, None]
        for at, to in zip(*np.nonzero((length >= 0) & (length < MOST_ROWS)), strict=True):
            stretch = (int(places[first[at], 1]), int(places[last[to], 2]))
            found[stretch] = found.get(stretch, 0.0) + float(begins[first[at]] * ends[last[to]])
    total = sum(found.values()) or 1.0
    order = sorted(found, key=lambda stretch: (-found[stretch], stretch))[:count]
    return [Candidate(*stretch, found[stretch] / total) for stretch in order]


def _shares(logits: np.ndarray) -> np.ndarray:
    chances = np.exp(logits - logits.max())
    return np.asarray(chances / chances.sum())


def mark_rows(located: Located, stretches: list[tuple[int, int]]) -> np.ndarray:
    """Return which rows begin and which end one of the right answers: [rows, 2] of 0 and 1.

    Where a text holds no answer, the rows that stand for that do both. An answer that begins
    within a token begins with it.
    """
    places = np.array(located.places, np.int64)
    marks = np.zeros((len(places), 2), np.int64)
    if not stretches:
        marks[places[:, 1] < 0] = 1
        return marks
    for start, end in stretches:
        marks[:, 0] |= _nearest(places[:, 1:], start)
        marks[:, 1] |= _nearest(places[:, 1:], end - 1)
    return marks


def _nearest(places: np.ndarray, at: int) -> np.ndarray:
    """Return the rows that a character lies in; if the tokenizer drops it, those that come next."""
    inside = (places[:, 0] <= at) & (at < places[:, 1])
    if not inside.any():
        beyond = np.where(places[:, 0] > at, places[:, 0], np.iinfo(np.int64).max)
        inside = beyond == beyond.min()
    return inside.astype(np.int64)
