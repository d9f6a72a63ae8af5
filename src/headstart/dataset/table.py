"""A table as columns that are read when asked for: a file's, a data frame's or Arrow's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import DataError, closest
from headstart.schema import Unreadable

PEEKED = 200


@dataclass(frozen=True)
class Table:
    """Columns by name. `peek` returns a column's first cells without reading all of it.

    `row_name` says where a row stands, in the words of its file.
    """

    name: str
    folder: Path
    columns: tuple[str, ...]
    read: Callable[[str], list[Any]]
    peek: Callable[[str], list[Any]]
    row_name: Callable[[int], str]
    notes: tuple[str, ...] = ()
    set_aside: tuple[Unreadable, ...] = ()

    def column(self, name: str) -> list[Any]:
        """Return a column's cells, or say which columns there are."""
        if name not in self.columns:
            raise DataError(
                f"There is no column '{name}' in {self.name}.{closest(name, self.columns)}",
                f"Its columns are: {', '.join(self.columns)}.",
            )
        return self.read(name)


def is_missing(cell: Any) -> bool:
    """Tell whether a cell is empty: None, NaN, pandas' own NA, or nothing but blanks."""
    if cell is None:
        return True
    if isinstance(cell, str):
        return not cell.strip()
    if hasattr(cell, "item") and getattr(cell, "ndim", 1) == 0:
        cell = cell.item()
    if isinstance(cell, float):
        return cell != cell
    return type(cell).__name__ in ("NAType", "NaTType")


def table_from_object(source: Any) -> Table | None:
    """Return a data frame (pandas, polars) or an Arrow table as a table; None for anything else."""
    if hasattr(source, "column_names") and hasattr(source, "column"):
        names = [str(name) for name in source.column_names]

        def read(name: str) -> list[Any]:
            cells: list[Any] = source.column(name).to_pylist()
            return cells

    elif hasattr(source, "columns") and hasattr(source, "__getitem__"):
        originals = {str(name): name for name in source.columns}
        names = [str(name) for name in source.columns]

        def read(name: str) -> list[Any]:
            cells: list[Any] = source[originals[name]].to_numpy().tolist()
            return cells

    else:
        return None
    refuse_twice(names, "The data frame")
    if not len(source):
        raise DataError("The data frame has no rows.", "Give at least two examples of each class.")
    return Table(
        "the data frame",
        Path(),
        tuple(names),
        read,
        lambda name: read(name)[:PEEKED],
        lambda row: f"row {row}",
    )


def refuse_twice(names: list[str], table: str) -> None:
    """Refuse two columns of one name: nothing says which of them is meant."""
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"{table} has more than one column called '{name}'.", "Rename all but one of them."
            )
