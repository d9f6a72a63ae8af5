"""JSON Lines: a table with an object a line, as data sets of texts are often kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headstart.counting import count_things
from headstart.dataset.encodings import decode
from headstart.dataset.table import PEEKED, Table
from headstart.errors import DataError
from headstart.schema import Unreadable


def read_lines(path: Path) -> Table:
    """Return the table in a file of JSON objects; a column is a key that any of them has."""
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    ragged: list[Unreadable] = []
    for number, line in enumerate(decode(path, path.read_bytes(), notes).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            ragged.append(Unreadable(f"line {number}", "is not a JSON object"))
            continue
        rows.append(row)
        numbers.append(number)
    if not rows:
        raise DataError(
            f"No line of '{path}' is a JSON object.",
            'Write an object a line, such as {"text": "Arrived late.", "label": "bad"}.',
        )
    if ragged:
        lines = "line that is no JSON object", "lines that are no JSON objects"
        notes.append(f"Set aside {count_things(len(ragged), *lines)}.")
    names = tuple(dict.fromkeys(str(name) for row in rows for name in row))
    return Table(
        f"'{path}'",
        path.parent,
        names,
        lambda name: [row.get(name) for row in rows],
        lambda name: [row.get(name) for row in rows[:PEEKED]],
        lambda row: f"line {numbers[row]}",
        tuple(notes),
        tuple(ragged),
    )
