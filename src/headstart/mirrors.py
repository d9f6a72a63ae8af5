"""Does a mirror image mean the same? Asked of the data before anything is trained on any.

Of flowers it does, of digits it does not, and no name of a class tells. So heads that were solved
on some folds' examples as they are answer the others' as they are and mirrored. Where they surely
do worse mirrored, the mirror images would be labelled wrongly, and training goes without.

It sees what the frozen backbone sees: of one that cannot tell left from right it learns nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from headstart import devices, features
from headstart.backbones.base import Backbone
from headstart.features import BATCH, Readings
from headstart.metrics import paired
from headstart.modalities.base import Arrays, Modality
from headstart.schema import Choice, Figure, Sample

MOST = 160
"""So many examples are asked about: each costs a pass forward."""

FOLDS = 4
PENALTY = 0.1
"""Of the ridge, as a share of the mean eigenvalue: a fair head will do, it need not be the best."""


def tell(
    samples: Sequence[Sample],
    encoded: np.ndarray,
    groups: np.ndarray,
    modality: Modality,
    backbone: Backbone,
    precision: str,
) -> Choice | None:
    """Return what to say where mirror images surely mean something else; None where they do not."""
    difference = compare(samples, encoded, groups, modality, backbone, precision)
    if difference is None or difference.high >= 0:
        return None
    low, high = -difference.high, min(1.0, -difference.low)
    fell = f"{-difference.value:.0%} ({low:.0%} to {high:.0%})"
    why = f"they mean something else: {fell} fewer answers were right on them"
    return Choice("no mirror images", None, None, None, 0.0, True, why)


def compare(
    samples: Sequence[Sample],
    encoded: np.ndarray,
    groups: np.ndarray,
    modality: Modality,
    backbone: Backbone,
    precision: str,
) -> Figure | None:
    """Return how many more answers are right mirrored than plain; None where nothing mirrors."""
    rows = np.unique(np.linspace(0, len(samples) - 1, MOST).astype(int))
    one = modality.prepare(modality.read(samples[0].input), backbone.spec)
    if modality.mirror(one) is None:
        return None
    shelf = features.open_shelf(
        "mirrors",
        fingerprint=backbone.fingerprint(),
        precision=precision,
        **devices.named(backbone.device),
    )
    lacking = [row for row in rows if samples[row].key not in shelf]

    def turns() -> Iterator[list[tuple[str, list[Arrays]]]]:
        for at in range(0, len(lacking), BATCH // 2):
            turn: list[tuple[str, list[Arrays]]] = []
            for row in lacking[at : at + BATCH // 2]:
                plain = modality.prepare(modality.read(samples[row].input), backbone.spec)
                both = plain, modality.mirror(plain)
                turn += [(samples[row].key, [each]) for each in both if each]
            yield turn

    for done in features.forward_all(turns(), modality, backbone, precision, {backbone.depth}):
        for (key, first), (_, second) in zip(done[0::2], done[1::2], strict=True):
            shelf.put(key, {"plain": _flat(first), "mirrored": _flat(second)})
    shelf.flush()
    kept = [shelf.get(samples[row].key) for row in rows]
    plain, mirrored = (np.stack([each[name] for each in kept]) for name in ("plain", "mirrored"))
    right = _answers(plain, mirrored, encoded[rows], groups[rows])
    return paired(right[0], right[1], [str(group) for group in groups[rows]])


def _flat(readings: Readings) -> np.ndarray:
    return np.concatenate([readings[name] for name in sorted(readings)]).astype(np.float32)


def _answers(
    plain: np.ndarray, mirrored: np.ndarray, encoded: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return, out of fold, the share that is right of each example, plain and mirrored."""
    truth = encoded if encoded.ndim == 2 else np.eye(int(encoded.max()) + 1)[encoded]
    right = np.zeros((2, len(plain)))
    fold = np.unique(groups, return_inverse=True)[1] % FOLDS
    for number in np.unique(fold):
        learnt, asked = fold != number, fold == number
        center, scale = plain[learnt].mean(0, dtype=np.float64), plain[learnt].std(0) + 1e-6
        known = (plain[learnt] - center) / scale
        kernel = known @ known.T
        ridge = PENALTY * max(float(np.trace(kernel)) / len(known), 1e-9)
        shares = truth[learnt].mean(0)
        weights = np.linalg.solve(kernel + ridge * np.eye(len(known)), truth[learnt] - shares)
        for side, vectors in enumerate((plain, mirrored)):
            said = (vectors[asked] - center) / scale @ known.T @ weights + shares
            if encoded.ndim == 2:
                right[side, asked] = ((said > 0.5) == (truth[asked] > 0)).mean(1)
            else:
                right[side, asked] = said.argmax(1) == encoded[asked]
    return right[0], right[1]
