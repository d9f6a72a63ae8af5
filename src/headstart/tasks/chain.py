"""Tags in a row: the most probable sequence that is a valid one, and how sure its parts are.

Tags are numbered as in `metrics.entities`: 0 outside, odd ones begin a thing, the even one after
each goes on with it. What goes on must follow its own beginning or itself. Each word's tag has its
own log-probability, and only valid sequences count: a sequence is as probable as the product of its
tags', over the sum of that for all valid ones.
"""

from __future__ import annotations

import numpy as np

NEVER = -1e9


def best_tags(scores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the best valid tags of texts whose words' scores are laid end to end (Viterbi).

    Scores may be logits: what is added to all tags of a word changes no choice. Texts go through
    together, word by word, the longest first, so that those still going on stand at the front.
    """
    order = np.argsort(-lengths, kind="stable")
    starts = (np.cumsum(lengths) - lengths)[order]
    lengths = lengths[order]
    best = scores[starts].astype(np.float64)
    best[:, 2::2] = NEVER
    came_from: list[np.ndarray] = []
    for at in range(1, int(lengths.max(initial=0))):
        going = int((lengths > at).sum())
        now, steps = _step(best[:going], scores[starts[:going] + at])
        best[:going] = now
        came_from.append(steps)
    tag = best.argmax(1)
    result = np.empty(len(scores), np.int64)
    result[starts + lengths - 1] = tag
    for at in range(len(came_from), 0, -1):
        steps = came_from[at - 1]
        rows = np.arange(len(steps))
        tag[rows] = steps[rows, tag[rows]]
        result[starts[rows] + at - 1] = tag[rows]
    return result


def _step(best: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Go on by a word: the best score that ends in each tag, and the tag before it."""
    rows = np.arange(len(best))
    top = best.argmax(1)
    before = np.repeat(top[:, None], best.shape[1], 1)
    now = scores + best[rows, top][:, None]
    begun, on = best[:, 1::2], best[:, 2::2]
    numbers = np.arange(1, best.shape[1], 2)
    before[:, 2::2] = np.where(on > begun, numbers + 1, numbers)
    now[:, 2::2] = scores[:, 2::2] + np.maximum(begun, on)
    return now, before


class Chain:
    """The valid sequences of tags of one text, and the probability of what they have in common."""

    def __init__(self, probabilities: np.ndarray) -> None:
        self.logs = np.log(np.maximum(probabilities, 1e-30))
        count, width = self.logs.shape
        # The sum over valid beginnings that end in a tag, and over valid ends that follow on one.
        ahead = np.empty((count, width))
        ahead[0] = self.logs[0]
        ahead[0, 2::2] = NEVER
        for at in range(1, count):
            ahead[at] = self.logs[at] + np.logaddexp.reduce(ahead[at - 1])
            inner = np.logaddexp(ahead[at - 1, 1::2], ahead[at - 1, 2::2])
            ahead[at, 2::2] = self.logs[at, 2::2] + inner
        rest = np.zeros((count, width))
        self.after = np.zeros(count)  # over what may follow the end of a thing
        for at in range(count - 2, -1, -1):
            following = self.logs[at + 1] + rest[at + 1]
            fresh = np.logaddexp.reduce(np.append(following[1::2], following[0]))
            self.after[at] = fresh
            rest[at] = fresh
            rest[at, 1::2] = rest[at, 2::2] = np.logaddexp(fresh, following[2::2])
        self.before = np.append(0.0, np.logaddexp.reduce(ahead, 1))
        self.all = self.before[-1]

    def sure_of(self, begin: int, end: int, kind: int) -> float:
        """Return how probable it is that a thing of a type stands exactly there."""
        own = self.logs[begin, 2 * kind + 1] + self.logs[begin + 1 : end, 2 * kind + 2].sum()
        return float(np.exp(self.before[begin] + own + self.after[end - 1] - self.all))

    def sure_of_none(self) -> float:
        """Return how probable it is that nothing at all is named."""
        return float(np.exp(self.logs[:, 0].sum() - self.all))
