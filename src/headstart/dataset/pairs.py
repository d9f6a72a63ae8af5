"""Two lists that belong together, inputs and targets, as scikit-learn and notebooks have them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.counting import count_things
from headstart.dataset.labels import write_label, write_targets
from headstart.dataset.table import is_missing
from headstart.dataset.trainable import Dataset
from headstart.dataset.walk import printable
from headstart.errors import DataError
from headstart.schema import Sample, Unreadable


def from_pairs(inputs: Any, targets: Any, groups: Any = None, *, inline: bool = False) -> Dataset:
    """Return a data set of inputs (paths or things in memory) and as many targets.

    A target is a label, or a list of labels, or a row of a 0/1 matrix (whose columns are named as
    a data frame names them, else by number). Rows without a target are set aside. With `inline` a
    string is the input itself, not a path.
    """
    if isinstance(inputs, (str, os.PathLike)):
        raise DataError(
            "The inputs are a single path where a list of inputs is expected.",
            "Put it in a list, or use a folder or a table without separate targets.",
        )
    items = list(inputs)
    labels, multi, notes = _read_targets(targets)
    belonging = [None] * len(items) if groups is None else list(groups)
    for what, count in (("targets", len(labels)), ("groups", len(belonging))):
        if count != len(items):
            raise DataError(
                f"There are {len(items):,} inputs and {count:,} {what}.",
                "Give one for each input, in the same order.",
            )
    samples: list[Sample] = []
    set_aside: list[Unreadable] = []
    for number, (item, target, group) in enumerate(zip(items, labels, belonging, strict=True)):
        is_path = isinstance(item, os.PathLike) or (isinstance(item, str) and not inline)
        name = printable(os.fspath(item)) if is_path else f"input {number}"
        if target is None:
            set_aside.append(Unreadable(name, "has no label"))
            continue
        samples.append(
            Sample(
                Path(item).expanduser() if is_path else item,
                target,
                name,
                group=None if is_missing(group) else write_label(group),
            )
        )
    if set_aside:
        notes = (*notes, f"Set aside {count_things(len(set_aside), 'input')} without a label.")
    return Dataset(tuple(samples), None, tuple(set_aside), notes, multi=multi, kind="pairs")


def _read_targets(targets: Any) -> tuple[Sequence[Any], bool, tuple[str, ...]]:
    """Return a target for each row, whether there may be several in one, and what was decided."""
    if getattr(targets, "ndim", 1) == 2:
        return _read_matrix(targets)
    cells = targets.tolist() if hasattr(targets, "tolist") else list(targets)
    if _is_matrix(cells):
        return _read_matrix(np.asarray(cells))
    labels = write_targets(cells, separator="")
    return labels.targets, labels.multi, labels.notes


def _is_matrix(cells: Sequence[Any]) -> bool:
    """Tell whether lists are rows of 0 and 1, of one length, rather than lists of labels."""
    if not all(isinstance(cell, (list, tuple)) for cell in cells):
        return False
    flags = all(isinstance(value, (int, float)) and value in (0, 1) for c in cells for value in c)
    return flags and len({len(cell) for cell in cells}) == 1 and len(cells[0]) > 1


def _read_matrix(targets: Any) -> tuple[Sequence[Any], bool, tuple[str, ...]]:
    matrix = np.asarray(targets)
    if matrix.shape[1] == 1:
        labels = write_targets(matrix[:, 0].tolist(), separator="")
        return labels.targets, labels.multi, labels.notes
    if not np.isin(matrix, (0, 1)).all():
        raise DataError(
            f"The targets are a matrix of {matrix.shape[0]:,} by {matrix.shape[1]} with other "
            "values than 0 and 1.",
            "Give one label an input, or a 0/1 column for each label.",
        )
    columns = getattr(targets, "columns", range(matrix.shape[1]))
    names = np.array([str(name) for name in columns], dtype=object)
    rows = [tuple(sorted(names[row == 1])) for row in matrix]
    return rows, True, (f"Each of the {len(names)} columns is a label.",)
