"""A table's rows as samples: which columns, which files, which labels, and what is set aside."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headstart.counting import count_things
from headstart.dataset.columns import (
    find_input_column,
    find_label_column,
    find_text_column,
    is_number,
)
from headstart.dataset.labels import read_labels, read_transcripts, write_label
from headstart.dataset.segments import Segment, read_segments
from headstart.dataset.table import Table, is_missing
from headstart.dataset.trainable import Dataset, quote_some
from headstart.dataset.walk import printable
from headstart.errors import DataError
from headstart.schema import Sample, Stretch, Unreadable


@dataclass(frozen=True)
class Columns:
    """What is read from a table; None is guessed. An empty separator keeps labels whole.

    `transcript` is the column of what is said in each recording, which takes the labels' place.
    With `inline` the cells of the input column are the inputs themselves, not files of them;
    two columns make a pair of texts. With `timed` a row may name a part of a file.
    """

    input: str | Sequence[str] | None = None
    label: str | Sequence[str] | None = None
    group: str | None = None
    separator: str | None = None
    inline: bool = False
    timed: bool = False
    transcript: str | None = None


def read_rows(table: Table, columns: Columns, suffixes: Collection[str]) -> tuple[Dataset, Columns]:
    """Return the samples of a table, and the columns as they were decided (for its test table)."""
    if columns.transcript is not None and (columns.label or columns.separator):
        raise DataError(
            f"A column of transcripts ('{columns.transcript}') and "
            f"{'one of labels' if columns.label else 'a separator'} are given.",
            "Leave --label and --separator away: what is said is all that is learnt.",
        )
    names = _split_names(table, columns.label)
    if columns.transcript is not None:
        names = [columns.transcript]
    inputs = _split_names(table, columns.input)
    for name in (*inputs, columns.group, *names):
        if name is not None:
            table.column(name)
    taken = {name for name in (columns.group, *names) if name}
    notes = list(table.notes)
    if not inputs:
        find = find_text_column if columns.inline else _find_files(suffixes)
        inputs = [find(table, taken)]
    if not names:
        names = [find_label_column(table, {*taken, *inputs})]
    for name in inputs:
        _refuse_shared(name, names, columns.group)
    guessed = [
        f"{what} from column '{name}'"
        for what, name, given in (
            ("texts" if columns.inline else "inputs", inputs[0], columns.input),
            ("labels", names[0], columns.label or columns.transcript),
        )
        if not given
    ]
    if guessed:
        notes.append(f"Guessed: {' and '.join(guessed)}.")
    labels = (
        read_labels(table, names, columns.separator)
        if columns.transcript is None
        else read_transcripts(table, columns.transcript)
    )
    notes += labels.notes
    groups = _read_groups(table, columns.group, notes)
    gathered = _Rows(table, "label" if columns.transcript is None else "transcript")
    cells = read_texts(table, inputs) if columns.inline else table.column(inputs[0])
    parts = read_segments(table, notes) if columns.timed else [None] * len(cells)
    for row, (cell, target, group, part) in enumerate(
        zip(cells, labels.targets, groups, parts, strict=True)
    ):
        gathered.take(row, cell, target, group, columns.inline, part)
    if not gathered.samples:
        raise gathered.refuse(suffixes)
    dataset = Dataset(
        tuple(gathered.samples),
        set_aside=(*table.set_aside, *gathered.set_aside),
        notes=(*notes, *gathered.notes()),
        multi=labels.multi,
        kind="table",
    )
    label = names if columns.transcript is None else None
    return dataset, replace(columns, input=inputs, label=label, separator=labels.separator)


def _find_files(suffixes: Collection[str]) -> Callable[[Table, Collection[str]], str]:
    return lambda table, taken: find_input_column(table, suffixes, taken)


def read_texts(table: Table, columns: Sequence[str]) -> list[Any]:
    """Return a table's texts, or pairs of them, with None where there is none; refuse numbers."""
    found: list[list[Any]] = []
    for name in columns:
        cells = table.column(name)
        there = [cell for cell in cells if not is_missing(cell)]
        if not there or all(map(is_number, there)):
            raise DataError(
                f"The column '{name}' of {table.name} holds "
                f"{'numbers' if there else 'nothing'}, not texts.",
                f"Name the column of texts (--text COLUMN), one of: {', '.join(table.columns)}.",
            )
        if 2 * len(there) <= len(cells):
            raise DataError(
                f"The column '{name}' of {table.name} is empty in {len(cells) - len(there):,} of "
                f"{len(cells):,} rows.",
                "Name another column of texts (--text COLUMN), or leave out the rows without one.",
            )
        found.append([None if is_missing(cell) else str(cell) for cell in cells])
    if len(found) == 1:
        return found[0]
    if len(found) > 2:
        raise DataError(
            f"{len(found)} columns of texts are named ({quote_some(columns)}).",
            "Name one, or two that make a pair (--text first,second).",
        )
    return [None if None in pair else pair for pair in zip(*found, strict=True)]


def _split_names(table: Table, label: str | Sequence[str] | None) -> list[str]:
    if label is None:
        return []
    if not isinstance(label, str):
        return list(label)
    parts = [part.strip() for part in label.split(",") if part.strip()]
    # A column whose own name has a comma in it is meant whole.
    return [label] if label in table.columns or len(parts) < 2 else parts


def _refuse_shared(input_column: str, names: Sequence[str], group: str | None) -> None:
    if input_column in names or group in (input_column, *names):
        raise DataError(
            f"One column is named for two things (inputs '{input_column}', labels "
            f"{quote_some(names)}{f', groups {group!r}' if group else ''}).",
            "Name a different column for each.",
        )


def _read_groups(table: Table, column: str | None, notes: list[str]) -> list[str | None]:
    if column is None:
        return [None] * len(table.read(table.columns[0]))
    cells = table.column(column)
    groups = [None if is_missing(cell) else write_label(cell) for cell in cells]
    alone = groups.count(None)
    if alone:
        rows = count_things(alone, "row has", "rows have")
        each = "counts as a group of its" if alone == 1 else "count as groups of their"
        notes.append(f"{rows} no '{column}' and {each} own.")
    return groups


class _Rows:
    """Samples as they are gathered, with what is set aside counted by reason."""

    def __init__(self, table: Table, wanted: str) -> None:
        self.table, self.wanted = table, wanted
        self.samples: list[Sample] = []
        self.set_aside: list[Unreadable] = []
        self.missing: list[str] = []
        self.unlabelled = 0
        self.empty = 0
        self.repeated = 0
        self.labels_of: dict[str, Any] = {}
        self.contradicted: set[str] = set()
        self.seen: set[tuple[str, Any]] = set()

    def take(
        self,
        row: int,
        cell: Any,
        target: Any,
        group: str | None,
        inline: bool,
        part: Segment | None,
    ) -> None:
        """Turn one row into a sample, or set it aside."""
        where = self.table.row_name(row)
        named = not inline and isinstance(cell, (str, os.PathLike)) and not is_missing(cell)
        name = printable(os.fspath(cell).strip()) if named else where
        if is_missing(cell):
            self.empty += inline
            self.set_aside.append(Unreadable(where, "has no text" if inline else "names no input"))
        elif target is None:
            self.unlabelled += 1
            self.set_aside.append(Unreadable(name, f"has no {self.wanted} ({where})"))
        elif not named:
            self.samples.append(Sample(_unwrap(cell), target, name, group=group))
        else:
            self._take_file(name, os.fspath(cell).strip(), where, target, group, part)

    def _take_file(
        self,
        name: str,
        text: str,
        where: str,
        target: Any,
        group: str | None,
        part: Segment | None,
    ) -> None:
        path, reason = find_file(self.table.folder, text)
        if reason:
            self.missing.append(text)
            self.set_aside.append(Unreadable(name, f"{reason} ({where})"))
            return
        source: Path | Stretch = path
        place = str(path)
        if part is not None:
            source = Stretch(path, *part)
            until = "the end" if part[1] is None else f"{part[1]:g} s"
            name = f"{part[0]:g} s to {until} of {name}"
            group = place if group is None else group
            place = name
        if (place, target) in self.seen:
            self.repeated += 1
            return
        self.seen.add((place, target))
        if self.labels_of.setdefault(place, target) != target:
            self.contradicted.add(name)
        self.samples.append(Sample(source, target, name, group=group))

    def notes(self) -> list[str]:
        """Say what was set aside or joined, and how often."""
        told = []
        if self.unlabelled:
            told.append(
                f"Set aside {count_things(self.unlabelled, 'row')} without a {self.wanted}."
            )
        if self.empty:
            told.append(f"Set aside {count_things(self.empty, 'row')} without a text.")
        if self.missing:
            told.append(
                f"Set aside {count_things(len(self.missing), 'row')} whose file is not there "
                f"({quote_some(list(dict.fromkeys(self.missing)))})."
            )
        if self.repeated:
            again = count_things(self.repeated, "row that says", "rows that say")
            told.append(f"Left out {again} the same as an earlier one.")
        if self.contradicted:
            told.append(
                f"{count_things(len(self.contradicted), 'file is', 'files are')} listed under more "
                f"than one {self.wanted} ({quote_some(sorted(self.contradicted))})."
            )
        return told

    def refuse(self, suffixes: Collection[str]) -> DataError:
        """Return the error for a table of which no row could be used."""
        if not self.missing:
            return DataError(
                f"No row of {self.table.name} has a {self.wanted}.",
                f"Name another column for the {self.wanted}, or fill it in.",
            )
        first = self.missing[0]
        return DataError(
            f"None of the {len(self.missing):,} files that {self.table.name} lists is there; the "
            f"first is looked for at '{self.table.folder / first}'.",
            _find_instead(self.table.folder, first, suffixes)
            or "Paths are relative to the table's own folder: move it, or mend the paths.",
        )


def find_file(folder: Path, text: str) -> tuple[Path, str]:
    """Return where a table's path leads, relative to the table, and why it cannot be used if so."""
    if "://" in text:
        return Path(), "is an address, not a file: download it first"
    if "\0" in text:
        return Path(), "is not a path"
    path = folder / text
    if os.path.isfile(path):
        return path, ""
    if "\\" in text:
        other = folder / text.replace("\\", "/")
        if os.path.isfile(other):
            return other, ""
    return path, "is a folder, not a file" if os.path.isdir(path) else "is not there"


def _find_instead(folder: Path, text: str, suffixes: Collection[str]) -> str:
    """Look where such files usually lie instead: in a sub-folder, or under their full name."""
    for suffix in sorted(suffixes):
        if (folder / f"{text}{suffix}").is_file():
            return f"'{text}{suffix}' is there: add the suffix to the column."
    try:
        inside = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    except OSError:
        return ""
    for name in inside:
        if (folder / name / text).is_file():
            return f"'{name}/{text}' is there: write '{name}/' before the paths."
        for suffix in sorted(suffixes):
            if (folder / name / f"{text}{suffix}").is_file():
                return f"'{name}/{text}{suffix}' is there: write the paths so."
    return ""


def _unwrap(cell: Any) -> Any:
    """Return what a cell holds; tables of pictures keep their bytes beside a name."""
    if isinstance(cell, dict) and cell.get("bytes") is not None:
        return cell["bytes"]
    return cell
