"""Examples whose label a model that never saw them firmly disagrees with."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from headstart.check.looked import NAMED_AT_MOST
from headstart.counting import count_things
from headstart.schema import Finding

DOUBT = 0.15
"""An example is doubted only when its own label gets less probability than this."""

SURE = 0.8
"""And only when another label gets at least this much."""

MISTAKEN = 0.15
"""The share of the doubted that may be what the model misjudges anyway, as its usual spread goes.
By trial, 0.3 found a quarter more of planted mislabels and doubted twice as many sound examples."""

FAINTEST = 1e-6
BLOCK = 4096


def rank_doubtful(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the rows whose label is doubtful, the most doubtful first.

    `probabilities` must be out-of-fold: said by a model that was not trained on the row. What
    counts is by how much each row's label is ahead of the likeliest other one (in logarithms). A
    weak model is wide of the mark in both directions, and its worst misses are only the tail of
    that; a wrong label stands apart from the rest. So the middle and the spread of all rows are
    measured in a way that a few wrong labels cannot move, and as many of the lowest rows are
    doubted as a normal distribution of that spread cannot explain (Benjamini and Hochberg's rule).
    """
    if not len(targets):
        return np.empty(0, np.int64)
    rows = np.arange(len(targets))
    taken = np.bincount(targets, minlength=probabilities.shape[1]) > 0
    other = np.empty(len(targets))
    for start in range(0, len(targets), BLOCK):
        part = slice(start, start + BLOCK)
        likely = np.where(taken, probabilities[part], 0.0)
        likely[np.arange(len(likely)), targets[part]] = 0.0
        other[part] = likely.max(1)
    given = probabilities[rows, targets]
    ahead = np.log(np.maximum(given, FAINTEST)) - np.log(np.maximum(other, FAINTEST))
    middle = float(np.median(ahead))
    spread = float(np.median(np.abs(ahead - middle))) / NormalDist().inv_cdf(0.75)
    usual = NormalDist(middle, max(spread, 1e-9))
    order = np.argsort(ahead, kind="stable")
    expected = len(rows) * np.array([usual.cdf(float(value)) for value in ahead[order]])
    explained = np.flatnonzero(expected <= MISTAKEN * (1 + rows))
    lowest = order[: explained.max(initial=-1) + 1]
    doubtful: np.ndarray = lowest[(other[lowest] >= SURE) & (given[lowest] < DOUBT)]
    return doubtful


def find_mislabels(
    probabilities: np.ndarray, targets: np.ndarray, labels: Sequence[str], names: Sequence[str]
) -> list[Finding]:
    """Name the examples that are most likely labelled wrongly, the likeliest first."""
    rows = rank_doubtful(probabilities, targets)
    if not len(rows):
        return []
    first = int(rows[0])
    other = labels[int(probabilities[first].argmax())]
    return [
        Finding(
            "likely_mislabels",
            "warning",
            f"{count_things(len(rows), 'example looks', 'examples look')} mislabelled to a model "
            f"that had not seen {'it' if len(rows) == 1 else 'them'}. {names[first]} is "
            f"labelled '{labels[int(targets[first])]}' and looks like '{other}' "
            f"({probabilities[first].max():.0%}).",
            "Look at them, the first ones first, and mend the labels that are wrong; the others "
            "are hard examples, which are worth keeping.",
            tuple(names[int(row)] for row in rows[:NAMED_AT_MOST]),
            len(rows),
        )
    ]
