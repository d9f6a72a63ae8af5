"""From a table's cells to labels: text as a person would write it, one or several per example."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.dataset.table import Table, is_missing
from headstart.dataset.trainable import quote_some
from headstart.errors import DataError
from headstart.schema import Said

SEPARATORS = (";", "|")
"""What is taken for a separator unasked. A comma is not: it stands in many a class's name."""

WHOLE = re.compile(r"[-+]?\d+\.0*")
YES = frozenset({"1", "true", "yes"})
NO = frozenset({"0", "false", "no"})


@dataclass(frozen=True)
class Labels:
    """One target a row (None where there is none), and what was decided on the way."""

    targets: list[Any]
    multi: bool
    notes: tuple[str, ...] = ()
    separator: str = ""


def write_label(value: Any) -> str:
    """Return a label as text: 2.0 is "2", True is "True", text loses the blanks around it."""
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(value).strip()


def read_labels(table: Table, names: Sequence[str], separator: str | None) -> Labels:
    """Read the targets from one column, or from several columns of 0 and 1."""
    if len(names) > 1:
        if separator:
            raise DataError(
                f"A separator was given together with {len(names)} label columns.",
                "Give one column and its separator, or several 0/1 columns without.",
            )
        return _read_flags(table, names)
    return write_targets(table.column(names[0]), separator)


def read_transcripts(table: Table, name: str) -> Labels:
    """Read what is said in each recording from one column; nothing in it separates anything."""
    cells = table.column(name)
    return Labels(
        [None if is_missing(cell) else Said(" ".join(write_label(cell).split())) for cell in cells],
        multi=False,
    )


def write_targets(cells: Sequence[Any], separator: str | None = None) -> Labels:
    """Return the targets that a column's cells stand for; lists are several labels per example.

    With a separator, cells are split there; "" never splits. With None, a semicolon or a bar
    splits when what it separates clearly recurs: fewer parts than there are different cells.
    """
    if any(is_listing(cell) for cell in cells):
        return Labels([None if is_missing(cell) else _join(cell) for cell in cells], multi=True)
    written = _write_numbers([None if is_missing(cell) else write_label(cell) for cell in cells])
    if separator:
        return Labels(_split(written, separator), multi=True, separator=separator)
    if separator is None:
        distinct = {text for text in written if text is not None}
        for mark in SEPARATORS:
            if _separates(distinct, mark):
                note = (
                    f"Labels hold '{mark}' and their parts recur, so each example may have several "
                    'labels (separator "" keeps them whole).'
                )
                return Labels(_split(written, mark), multi=True, notes=(note,), separator=mark)
        notes = [
            f"Labels hold '{mark}' and are kept whole (separator '{mark}' would split them)."
            for mark in SEPARATORS
            if any(mark in text for text in distinct)
        ]
        return Labels(written, multi=False, notes=(*notes, *_note_look_alikes(written)))
    return Labels(written, multi=False, notes=_note_look_alikes(written))


def is_listing(cell: Any) -> bool:
    """Tell whether a cell holds several labels as a list of some kind."""
    return isinstance(cell, (list, tuple, set, frozenset)) or getattr(cell, "ndim", 0) == 1


def _join(labels: Iterable[Any]) -> tuple[str, ...]:
    written = {write_label(label) for label in labels if not is_missing(label)}
    return tuple(sorted(written - {""}))


def _split(written: Sequence[str | None], mark: str) -> list[Any]:
    return [None if text is None else _join(text.split(mark)) for text in written]


def _separates(distinct: set[str], mark: str) -> bool:
    split = [text.split(mark) for text in distinct]
    if all(len(parts) == 1 for parts in split):
        return False
    parts = {part.strip() for parts in split for part in parts} - {""}
    return len(parts) < len(distinct)


def _write_numbers(written: list[str | None]) -> list[str | None]:
    """Write 2.0 as 2 when the whole column is whole numbers (an empty cell made them decimal).

    `1.0, 1.1` are names of versions, and `007` is a code: both stay.
    """
    present = {text for text in written if text is not None}
    decimal = {text for text in present if WHOLE.fullmatch(text)}
    if not decimal or any(not WHOLE.fullmatch(t) and not t.lstrip("+-").isdigit() for t in present):
        return written
    return [text.split(".")[0] if text in decimal else text for text in written]


def _note_look_alikes(written: Iterable[str | None]) -> tuple[str, ...]:
    spellings: dict[str, set[str]] = {}
    for text in {text for text in written if text is not None}:
        spellings.setdefault(" ".join(text.casefold().split()), set()).add(text)
    alike = [" / ".join(sorted(texts)) for texts in spellings.values() if len(texts) > 1]
    if not alike:
        return ()
    return (f"Labels that differ only in capitals or blanks are kept apart: {quote_some(alike)}.",)


def _read_flags(table: Table, names: Sequence[str]) -> Labels:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"The label column '{repeated[0]}' is named twice.", "Name it once.")
    flags = [_read_flag_column(table, name) for name in names]
    targets: list[Any] = []
    for row in zip(*flags, strict=True):
        known = None not in row
        targets.append(
            tuple(sorted(n for n, on in zip(names, row, strict=True) if on)) if known else None
        )
    never = [name for name, column in zip(names, flags, strict=True) if not any(column)]
    notes = [f"Each of the {len(names)} columns is a label: several may apply to one example."]
    if never:
        notes.append(f"Labels that never apply are left out: {quote_some(never)}.")
    return Labels(targets, multi=True, notes=tuple(notes))


def _read_flag_column(table: Table, name: str) -> list[bool | None]:
    flags: list[bool | None] = []
    for row, cell in enumerate(table.column(name)):
        text = "" if is_missing(cell) else write_label(cell).lower()
        # CSV writers make 1.0 of 1 where another cell is empty.
        text = text.split(".")[0] if WHOLE.fullmatch(text) else text
        if text and text not in YES | NO:
            raise DataError(
                f"The label column '{name}' holds '{cell}' ({table.row_name(row)}) where 0 or 1 is "
                "expected.",
                "Several label columns are 0/1 columns; for classes in text name one column.",
            )
        flags.append(None if not text else text in YES)
    return flags
