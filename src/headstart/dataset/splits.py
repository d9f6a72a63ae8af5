"""Splits that hold groups together and keep classes in proportion: sealed test, folds, draws.

One way of sharing out serves all: labels are taken from the rarest on, and each group of a label
goes to the part that has least of that label for its share. That is iterative stratification
(Sechidis et al. 2011) with the rounding of Sainte-Lague, and it is the same for one label per
example and for several.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from headstart.schema import Sample


def join_groups(samples: Sequence[Sample], twins: Iterable[Sequence[int]]) -> np.ndarray:
    """Return a group number for each sample: whatever must not be split shares one.

    Samples belong together when they have the same user's group or the same content, or stand in
    one list of `twins` (row numbers that show the same thing), directly or through others.
    """
    parent = list(range(len(samples)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    def join(one: int, other: int) -> None:
        low, high = sorted((find(one), find(other)))
        parent[high] = low

    first: dict[tuple[str, str], int] = {}
    for row, sample in enumerate(samples):
        for kind, value in (("group", sample.group), ("key", sample.key or None)):
            if value is not None:
                join(row, first.setdefault((kind, value), row))
    for rows in twins:
        for row in rows[1:]:
            join(rows[0], row)
    _, numbers = np.unique([find(row) for row in range(len(samples))], return_inverse=True)
    return np.asarray(numbers, dtype=np.int64)


def seal(
    encoded: np.ndarray, groups: np.ndarray, *, share: float = 0.2, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted row numbers of the training side and of the sealed test.

    About `share` of every class goes to the test, groups whole, and each class of two groups or
    more stands on both sides where its groups allow that.
    """
    part = _share_out(_count_labels(encoded, groups), [1.0 - share, share], seed)[groups]
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


def folds(encoded: np.ndarray, groups: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return a fold number for each row: folds of equal size and mix, groups whole.

    There are fewer than `count` folds when the rarest class has fewer groups than that (never
    fewer than two), so that each fold can be judged on every class.
    """
    table = _count_labels(encoded, groups)
    in_groups = np.bincount(table.labels)
    fewest = int(in_groups[in_groups > 0].min(initial=count))
    count = max(2, min(count, fewest))
    fold: np.ndarray = _share_out(table, [1.0 / count] * count, seed)[groups]
    return fold


def draw(encoded: np.ndarray, groups: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Return the sorted row numbers of a draw of about `per_class` examples of each class.

    With one seed, draws are nested: a smaller one is part of every larger one, so that points of a
    learning curve differ by what was added. Groups come whole, so a class may be overdrawn.
    """
    table = _count_labels(encoded, groups)
    turn = np.random.default_rng(seed).permutation(table.n_groups)[table.groups]
    order = np.lexsort((turn, table.labels))
    labels, counts = table.labels[order], table.counts[order]
    before = np.cumsum(counts) - counts
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    before -= np.repeat(before[starts], np.diff(np.append(starts, len(labels))))
    taken = np.zeros(table.n_groups, dtype=bool)
    taken[table.groups[order][before < per_class]] = True
    return np.flatnonzero(taken[groups])


@dataclass(frozen=True)
class _LabelCounts:
    """How many examples of which label each group holds, one entry for each pair that occurs."""

    groups: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    n_groups: int


def _count_labels(encoded: np.ndarray, groups: np.ndarray) -> _LabelCounts:
    """Count labels by group. Examples without any label count as a label of their own."""
    groups = np.asarray(groups)
    if encoded.ndim == 1:
        rows, labels = np.arange(len(encoded)), encoded.astype(np.int64)
    else:
        rows, labels = np.nonzero(encoded)
        bare = np.flatnonzero(~encoded.astype(bool).any(axis=1))
        rows = np.concatenate([rows, bare])
        labels = np.concatenate([labels, np.full(len(bare), encoded.shape[1])])
    n_groups = int(groups.max(initial=-1)) + 1
    pairs, counts = np.unique(labels * n_groups + groups[rows], return_counts=True)
    return _LabelCounts(pairs % n_groups, pairs // n_groups, counts, n_groups)


def _share_out(table: _LabelCounts, shares: Sequence[float], seed: int) -> np.ndarray:
    """Return a part number for each group."""
    held: list[list[tuple[int, int]]] = [[] for _ in range(table.n_groups)]
    members: dict[int, list[int]] = {}
    totals: dict[int, int] = {}
    for group, label, count in zip(
        table.groups.tolist(), table.labels.tolist(), table.counts.tolist(), strict=True
    ):
        held[group].append((label, count))
        members.setdefault(label, []).append(group)
        totals[label] = totals.get(label, 0) + count
    size = [sum(count for _, count in labels) for labels in held]
    has = [dict.fromkeys(totals, 0) for _ in shares]
    filled = [0.0] * len(shares)
    turn = np.random.default_rng(seed).permutation(table.n_groups).tolist()
    part = [-1] * table.n_groups
    for label in sorted(totals, key=lambda label: (len(members[label]), totals[label], label)):
        # The largest groups first: the small ones even out what those leave crooked.
        for group in sorted(members[label], key=lambda group: (-size[group], turn[group])):
            if part[group] >= 0:
                continue
            count = dict(held[group])[label]
            wants = [
                (round((has[into][label] + count / 2) / share, 9), filled[into])
                for into, share in enumerate(shares)
            ]
            into = wants.index(min(wants))
            part[group] = into
            filled[into] += size[group] / shares[into]
            for other, many in held[group]:
                has[into][other] += many
    _spread_rare(part, held, members, size, len(shares))
    return np.array(part, dtype=np.int64)


def _spread_rare(
    part: list[int],
    held: list[list[tuple[int, int]]],
    members: dict[int, list[int]],
    size: list[int],
    n_parts: int,
) -> None:
    """Give a part that has none of a label one of its groups, where no other part goes without."""
    for label in sorted(members, key=lambda label: (len(members[label]), label)):
        if len(members[label]) < n_parts:
            continue
        for empty in range(n_parts):
            if any(part[group] == empty for group in members[label]):
                continue
            for group in sorted(members[label], key=lambda group: (size[group], group)):
                if _can_leave(group, part, held, members):
                    part[group] = empty
                    break


def _can_leave(
    group: int,
    part: list[int],
    held: list[list[tuple[int, int]]],
    members: dict[int, list[int]],
) -> bool:
    """Tell whether a group's part keeps some other group of each label that the group holds."""
    return all(
        any(part[other] == part[group] and other != group for other in members[label])
        for label, _ in held[group]
    )
