"""Examples whose label a model that never saw them firmly disagrees with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headstart.check.looked import NAMED_AT_MOST, count_things
from headstart.schema import Finding

DOUBT = 0.15
"""An example is doubted only when its own label gets less probability than this."""

SURE = 0.8
"""And only when another label gets at least this much. Where a model errs often, its calibrated
probabilities seldom come this high, so it accuses few; a good model's mostly do."""

BLOCK = 4096


def rank_doubtful(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the rows whose label is doubtful, the most doubtful first (confident learning).

    `probabilities` must be out-of-fold: said by a model that was not trained on the row. A row is
    doubtful when another label is at least as probable as it usually is for examples that carry
    that label, and the row's own label is improbable. The usual level is measured label by label,
    so a model that is shy of rare labels is not held against them.
    """
    rows = np.arange(len(targets))
    usual = np.full(probabilities.shape[1], np.inf)
    for label in range(probabilities.shape[1]):
        own = probabilities[targets == label, label]
        if len(own):
            usual[label] = own.mean()
    other = np.empty(len(targets))
    for start in range(0, len(targets), BLOCK):
        part = slice(start, start + BLOCK)
        likely = np.where(probabilities[part] >= usual, probabilities[part], -1.0)
        likely[np.arange(len(likely)), targets[part]] = -1.0
        other[part] = likely.max(1)
    given = probabilities[rows, targets]
    margin = other - given
    doubtful = np.flatnonzero((other >= SURE) & (given < DOUBT))
    ranked: np.ndarray = doubtful[np.argsort(-margin[doubtful], kind="stable")]
    return ranked


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
