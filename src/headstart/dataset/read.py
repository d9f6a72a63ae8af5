"""One door for every source: a folder, a table file, a data frame."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.asked import labels_of
from headstart.counting import count_things
from headstart.dataset.conll import holds_tags, read_conll
from headstart.dataset.folder import read_folder
from headstart.dataset.rows import Columns, read_rows
from headstart.dataset.squad import holds_questions, read_squad
from headstart.dataset.table import table_from_object
from headstart.dataset.tablefile import read_table_file
from headstart.dataset.trainable import Dataset, quote_some, require_trainable
from headstart.dataset.walk import refuse_missing, some_files
from headstart.errors import DataError
from headstart.schema import Sample, Stretch, Unreadable

GLANCED = 1000


def read(
    source: Any,
    *,
    suffixes: Collection[str],
    inline: bool = False,
    timed: bool = False,
    input_column: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    separator: str | None = None,
    transcript: str | None = None,
    test: Any = None,
) -> Dataset:
    """Read labelled examples to learn from, and refuse what nothing can be learnt from.

    `source` is a folder with a folder per class (split into train/ val/ test/ or not), a CSV, TSV
    or Parquet file, a data frame, a CoNLL file of tagged words or a SQuAD file of questions.
    Columns that are not named are guessed, and `notes` say so. `suffixes` are the endings of the
    files to read; with `inline` a table's cells are the inputs themselves (texts; two columns make
    pairs), with `timed` a row may name a part of a file by its start and end. `transcript` is the
    column of what is said in each recording, in place of labels. `test` is a second source of the
    same kind, which becomes the sealed test. Files are found and listed here, never opened.
    """
    dataset = scan(
        source,
        suffixes=suffixes,
        inline=inline,
        timed=timed,
        input_column=input_column,
        label=label,
        group=group,
        separator=separator,
        transcript=transcript,
        test=test,
    )
    if not dataset.labelled:
        raise DataError(
            f"'{source}' holds {len(dataset.samples):,} files and no class folders, so nothing "
            "says what they show.",
            "Sort them into a folder per class, or give a CSV with a column of paths and one of "
            "labels.",
        )
    try:
        require_trainable(dataset.samples, multi=dataset.multi)
    except DataError as error:
        if not dataset.set_aside:
            raise
        # What is missing may be what could not be opened.
        first = dataset.set_aside[0]
        more = f"{len(dataset.set_aside):,} were set aside, such as '{first.name}': {first.why}."
        raise DataError(f"{error.message} {more}", error.hint) from error
    return _set_unknown_aside(dataset)


def scan(
    source: Any,
    *,
    suffixes: Collection[str],
    inline: bool = False,
    timed: bool = False,
    input_column: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    separator: str | None = None,
    transcript: str | None = None,
    test: Any = None,
) -> Dataset:
    """Read the same sources as `read`, as they are: one class, lone examples or no labels at all.

    This is for looking at data before any training, and for evaluating a model on more of it.
    """
    columns = Columns(input_column, label, group, separator, inline, timed, transcript)
    dataset, decided = _read_source(source, columns, frozenset(suffixes))
    if test is None:
        return dataset
    is_folder = isinstance(test, (str, os.PathLike)) and Path(test).expanduser().is_dir()
    held, _ = _read_source(
        test, Columns(inline=inline, timed=timed) if is_folder else decided, frozenset(suffixes)
    )
    return _join_test(dataset, held)


def _read_source(
    source: Any, columns: Columns, suffixes: Collection[str]
) -> tuple[Dataset, Columns]:
    if not isinstance(source, (str, os.PathLike)):
        table = table_from_object(source)
        if table is None:
            raise DataError(
                f"Data of the type {type(source).__name__} cannot be read.",
                "Give a folder, a CSV or Parquet file, or a data frame.",
            )
        return read_rows(table, columns, suffixes)
    path = Path(source).expanduser()
    if path.is_dir():
        _refuse_columns(path, columns, "a folder and has no columns")
        return read_folder(path, suffixes), columns
    if not path.exists():
        raise refuse_missing(path)
    if holds_questions(path):
        _refuse_columns(path, columns, "a file of questions, which has no columns to choose")
        return read_squad(path), columns
    if holds_tags(path):
        _refuse_columns(path, columns, "a file of tagged words, which has no columns to choose")
        return read_conll(path), columns
    return read_rows(read_table_file(path, () if columns.inline else suffixes), columns, suffixes)


def glance(source: Any) -> dict[str, list[Any]]:
    """Return a few of a source's inputs, for telling of which kind they are.

    A folder gives paths of files under no name; a table some cells of each column by its name.
    """
    if not isinstance(source, (str, os.PathLike)):
        table = table_from_object(source)
        return {} if table is None else {name: table.peek(name) for name in table.columns}
    path = Path(source).expanduser()
    if path.is_dir():
        return {"": some_files(path, GLANCED)}
    if not path.exists():
        raise refuse_missing(path)
    if holds_questions(path):
        return {"": [sample.input for sample in read_squad(path).samples[:GLANCED]]}
    if holds_tags(path):
        return {"": [sample.input for sample in read_conll(path).samples[:GLANCED]]}
    table = read_table_file(path, ())
    return {name: table.peek(name) for name in table.columns}


def _refuse_columns(path: Path, columns: Columns, what_it_is: str) -> None:
    named = [
        f"{what} {value!r}"
        for what, value in (
            ("an input column", columns.input),
            ("a label column", columns.label),
            ("a group column", columns.group),
            ("a separator", columns.separator),
            ("a transcript column", columns.transcript),
        )
        if value is not None
    ]
    if named:
        raise DataError(
            f"'{path}' is {what_it_is}, but {' and '.join(named)} was given.",
            "Leave it away (the class is the folder's name), or give a CSV or Parquet table.",
        )


def _join_test(dataset: Dataset, held: Dataset) -> Dataset:
    """Make a second source the sealed test; what stands in it is not learnt from."""
    if not held.labelled:
        raise DataError(
            f"The test data has {len(held.samples):,} files and no labels.",
            "Sort them into a folder per class, or give a table with a label column.",
        )
    if held.multi != dataset.multi:
        raise DataError(
            "The test data and the training data differ in kind: one label and several labels per "
            "example.",
            "Give both in the same form.",
        )
    notes = list(dataset.notes)
    test = held.samples if held.test is None else held.test
    if dataset.test is not None:
        notes.append(
            f"The data's own test part ({len(dataset.test):,} examples) is left out, because other "
            "test data was given."
        )
    places = {_place(sample) for sample in test} - {None}
    samples = tuple(sample for sample in dataset.samples if _place(sample) not in places)
    if not samples:
        raise DataError(
            f"All {len(dataset.samples):,} examples stand in the test data too, so none is left to "
            "learn from.",
            "Give other examples as the test, or none: a part is then sealed for it.",
        )
    if shared := len(dataset.samples) - len(samples):
        notes.append(
            f"{count_things(shared, 'example stands', 'examples stand')} in the test data too and "
            f"{'is' if shared == 1 else 'are'} not learnt from."
        )
    return replace(
        dataset,
        samples=samples,
        test=test,
        set_aside=(*dataset.set_aside, *held.set_aside),
        notes=(*notes, *(f"Test data: {note}" for note in held.notes)),
    )


def _place(sample: Sample) -> str | None:
    if isinstance(sample.input, Stretch):
        part = sample.input
        return f"{os.path.abspath(part.path)!r} {part.start} {part.end}"
    return os.path.abspath(sample.input) if isinstance(sample.input, Path) else None


def _set_unknown_aside(dataset: Dataset) -> Dataset:
    """Set aside test examples of labels that no training example has: none could be right."""
    if dataset.test is None:
        return dataset
    known = {label for sample in dataset.samples for label in labels_of(sample.target)}
    unknown: dict[str, int] = {}
    kept: list[Sample] = []
    aside: list[Unreadable] = []
    for sample in dataset.test:
        strange = [label for label in labels_of(sample.target) if label not in known]
        if strange:
            unknown[strange[0]] = unknown.get(strange[0], 0) + 1
            aside.append(Unreadable(sample.name, f"no training example is '{strange[0]}'"))
        else:
            kept.append(sample)
    if not unknown:
        return dataset
    if not kept:
        raise DataError(
            f"The test data has the labels {quote_some(sorted(unknown))} and the training data "
            f"{quote_some(sorted(known))}: none in common.",
            "Use the same names in both.",
        )
    note = (
        f"Set aside {count_things(len(aside), 'test example')} of labels that no training example "
        f"has: {quote_some(sorted(unknown))}."
    )
    return replace(
        dataset,
        test=tuple(kept),
        set_aside=(*dataset.set_aside, *aside),
        notes=(*dataset.notes, note),
    )
