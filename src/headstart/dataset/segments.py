"""Parts of long recordings: a table's start and end columns, in seconds."""

from __future__ import annotations

from typing import Any

from headstart.dataset.columns import is_number
from headstart.dataset.table import Table, is_missing
from headstart.errors import DataError

STARTS = ("start", "begin", "start_time", "begin_time", "start_seconds", "onset")
ENDS = ("end", "stop", "end_time", "stop_time", "end_seconds", "offset")

Segment = tuple[float, float | None]


def read_segments(table: Table, notes: list[str]) -> list[Segment | None]:
    """Return where each row's part begins and ends, None where it is the whole recording.

    The columns are found by their names, and that is said aloud.
    """
    start, end = _find(table, STARTS), _find(table, ENDS)
    if start is None:
        return [None] * len(table.read(table.columns[0]))
    ends = [None] * len(table.column(start)) if end is None else table.column(end)
    until = f"'{end}'" if end else "its end"
    notes.append(
        f"Each row is a part of its recording, from '{start}' to {until} in seconds; parts of one "
        "recording stay together."
    )
    return [
        None if is_missing(first) else (_seconds(first, table, start, row), _end(last, table, row))
        for row, (first, last) in enumerate(zip(table.column(start), ends, strict=True))
    ]


def _find(table: Table, names: tuple[str, ...]) -> str | None:
    lower = {column.strip().lower().replace(" ", "_"): column for column in table.columns}
    return next((lower[name] for name in names if name in lower), None)


def _end(cell: Any, table: Table, row: int) -> float | None:
    return None if is_missing(cell) else _seconds(cell, table, "end", row)


def _seconds(cell: Any, table: Table, column: str, row: int) -> float:
    if is_number(cell):
        return float(cell)
    raise DataError(
        f"The {column} of a part is '{cell}' in {table.row_name(row)} of {table.name}, which is no "
        "number of seconds.",
        "Write times in seconds, such as 12.5; or rename the column if it means something else.",
    )
