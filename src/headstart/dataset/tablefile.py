"""Table files: CSV and TSV in whatever encoding they come, and Parquet."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from headstart.counting import count_things
from headstart.dataset.encodings import decode
from headstart.dataset.jsonlines import read_lines
from headstart.dataset.table import PEEKED, Table, refuse_twice
from headstart.errors import DataError
from headstart.schema import Unreadable

TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt")
LINES_SUFFIXES = (".jsonl", ".ndjson")
PARQUET_SUFFIXES = (".parquet", ".pq")
DELIMITERS = ",;\t|"
DELIMITER_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
MISSING = frozenset({"nan", "na", "n/a", "#n/a", "null", "<na>"})
"""How programs write an empty cell in text. `None` is not among them: it is a usual class name."""

LONGEST_CELL = 2**31 - 1
LOOKED_AT = 20


def read_table_file(path: Path, suffixes: Collection[str]) -> Table:
    """Return the table in a file, or say what kind of file it is instead."""
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"PAR1" or suffix in PARQUET_SUFFIXES:
            return _read_parquet(path)
        if suffix in LINES_SUFFIXES:
            return read_lines(path)
        if suffix in TEXT_SUFFIXES:
            return _read_text(path, path.read_bytes(), suffixes)
    except OSError as error:
        raise DataError(
            f"The file '{path}' cannot be opened: {error.strerror or error}.",
            "Check who may read it (ls -l), and the disk it is on.",
        ) from error
    if suffix in suffixes:
        raise DataError(
            f"'{path}' is a single example, not a collection.",
            "Give the folder that holds a folder per class, or a CSV or Parquet table of files.",
        )
    cure = {
        ".zip": "Unpack the archive first.",
        ".gz": "Unpack the archive first.",
        ".xlsx": "Save the sheet as CSV (UTF-8) first.",
        ".xls": "Save the sheet as CSV (UTF-8) first.",
        ".json": "Save it as CSV or Parquet first, for example with pandas.",
    }
    raise DataError(
        f"'{path}' is not a table: {suffix or 'files without a suffix'} is not read.",
        cure.get(suffix, "Give a folder, or a table that ends in .csv, .tsv, .jsonl or .parquet."),
    )


def _read_parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise DataError(
            f"'{path}' is not a Parquet file, or a damaged one ({str(error).splitlines()[0]}).",
            "Write it again, or give a CSV.",
        ) from error
    names = [str(name) for name in file.schema_arrow.names]
    refuse_twice(names, f"'{path}'")
    if not file.metadata.num_rows:
        raise DataError(f"'{path}' has no rows.", "Give at least two examples of each class.")

    def read(name: str, peek: bool = False) -> list[Any]:
        try:
            if peek:
                part = next(file.iter_batches(batch_size=PEEKED, columns=[name]))
            else:
                part = file.read(columns=[name])
            cells: list[Any] = part.column(0).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"The column '{name}' of '{path}' cannot be read ({str(error).splitlines()[0]}).",
                "The file is damaged: write it again, or give a CSV.",
            ) from error
        return cells

    return Table(
        f"'{path}'",
        path.parent,
        tuple(names),
        read,
        lambda name: read(name, peek=True),
        lambda row: f"row {row}",
    )


def _read_text(path: Path, raw: bytes, suffixes: Collection[str]) -> Table:
    notes: list[str] = []
    text = decode(path, raw, notes)
    delimiter = "\t" if path.suffix.lower() in (".tsv", ".tab") else _find_delimiter(text)
    if delimiter != "," and path.suffix.lower() == ".csv":
        notes.append(f"Cells in '{path.name}' are separated by {DELIMITER_NAMES[delimiter]}.")
    rows, lines = _split_rows(path, text, delimiter)
    header = [name.strip() for name in rows[0]]
    # A first row with a file in it is an example already.
    if any(cell.lower().endswith(tuple(suffixes)) for cell in header if suffixes):
        header = [f"column {number}" for number in range(1, len(header) + 1)]
        notes.append(
            f"'{path.name}' has no header: its columns are called {', '.join(header)} here."
        )
    else:
        rows, lines = rows[1:], lines[1:]
        header = [name or f"column {number}" for number, name in enumerate(header, 1)]
    refuse_twice(header, f"'{path}'")
    if not rows:
        raise DataError(
            f"'{path}' has a header and no rows.", "Give at least two examples of each class."
        )
    ragged = tuple(
        Unreadable(f"line {line}", f"has {len(row)} cells where the header has {len(header)}")
        for row, line in zip(rows, lines, strict=True)
        if len(row) != len(header)
    )
    if len(ragged) == len(rows):
        raise DataError(
            f"No row of '{path}' has the {len(header)} cells of its header.",
            "Check what separates the cells, and the quotes; line "
            f"{lines[0]} has {len(rows[0])} cells.",
        )
    if ragged:
        notes.append(
            f"Set aside {count_things(len(ragged), 'row')} with too many or too few cells."
        )
    lines = [line for row, line in zip(rows, lines, strict=True) if len(row) == len(header)]
    cells = list(zip(*(row for row in rows if len(row) == len(header)), strict=True))
    columns = {
        name: [None if cell.strip().lower() in MISSING else cell for cell in column]
        for name, column in zip(header, cells, strict=True)
    }
    return Table(
        f"'{path}'",
        path.parent,
        tuple(header),
        columns.__getitem__,
        lambda name: columns[name][:PEEKED],
        lambda row: f"line {lines[row]}",
        tuple(notes),
        ragged,
    )


def _find_delimiter(text: str) -> str:
    """Return what separates the cells: that which gives the most rows of the header's width."""
    lines = text[:100_000].splitlines()[:LOOKED_AT]

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        if not widths or widths[0] < 2:
            return (0, 0)
        return Counter(widths)[widths[0]], widths[0]

    return max(DELIMITERS, key=agreement)


def _split_rows(path: Path, text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    rows: list[list[str]] = []
    lines: list[int] = []
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"'{path}' cannot be read as a table: {error} (line {reader.line_num}).",
            "Save it again as CSV in UTF-8.",
        ) from error
    if not rows:
        raise DataError(f"The file '{path}' is empty.", "Give a table with a header and rows.")
    return rows, lines
