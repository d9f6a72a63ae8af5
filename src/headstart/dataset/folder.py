"""A folder of folders, one per class, or already split into training, validation and test."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headstart.counting import count_things
from headstart.dataset.trainable import Dataset, quote_some
from headstart.dataset.walk import (
    Harvest,
    describe_set_aside,
    gather,
    join_name,
    list_suffixes,
    printable,
    split_entries,
    take_file,
)
from headstart.errors import DataError
from headstart.schema import Sample, Unreadable

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
ROLES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass
class Level:
    """What one folder holds when its sub-folders are taken as classes."""

    samples: list[Sample] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    harvest: Harvest = field(default_factory=Harvest)

    def set_loose_aside(self) -> None:
        """Set aside the files that lie directly in the folder: nothing says what they are."""
        self.harvest.set_aside += [
            Unreadable(name, "lies beside the class folders, so it has no label")
            for _, name in self.harvest.files
        ]
        self.harvest.files.clear()


def read_folder(folder: Path, suffixes: Collection[str]) -> Dataset:
    """Read a folder: split parts when it has them, else a class per sub-folder, else no labels."""
    top = Harvest()
    folders, files = split_entries(folder, "", top)
    parts = {
        entry.name: _read_level(Path(entry.path), printable(entry.name), suffixes)
        for entry in _name_parts(folders)
    }
    # `train` beside `bus` and `car` is a class; a training part has classes inside it.
    if any(level.samples for name, level in parts.items() if ROLES[name.lower()] == "train"):
        for entry in files:
            take_file(entry, printable(entry.name), suffixes, top)
        spare = [printable(entry.name) for entry in folders if entry.name not in parts]
        return _join_parts(Level(harvest=top), parts, spare)
    level = _read_level(folder, "", suffixes)
    if level.samples:
        level.set_loose_aside()
        return _finish(tuple(level.samples), None, [level], [])
    if not level.harvest.files:
        raise _nothing_found(folder, level, suffixes)
    loose = tuple(Sample(path, name=name) for path, name in level.harvest.files)
    return _finish(loose, None, [level], [], labelled=False)


def _name_parts(folders: Sequence[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
    """Return the folders named like parts of a split: a training part, alone or beside another."""
    named = [entry for entry in folders if entry.name.lower() in ROLES]
    roles = {ROLES[entry.name.lower()] for entry in named}
    alone = len(folders) == 1
    return named if "train" in roles and (alone or len(roles) > 1) else []


def _read_level(folder: Path, name: str, suffixes: Collection[str]) -> Level:
    level = Level()
    folders, files = split_entries(folder, name, level.harvest)
    for entry in folders:
        inner = join_name(name, entry.name)
        inside = Harvest(set_aside=level.harvest.set_aside, hidden=level.harvest.hidden)
        gather(Path(entry.path), inner, suffixes, inside)
        if not inside.files:
            level.empty.append(inner)
        # One spelling for letters with accents, whichever system wrote the folder.
        label = unicodedata.normalize("NFC", printable(entry.name))
        level.samples += [Sample(path, label, called) for path, called in inside.files]
    for entry in files:
        take_file(entry, join_name(name, entry.name), suffixes, level.harvest)
    return level


def _join_parts(top: Level, parts: dict[str, Level], spare: list[str]) -> Dataset:
    read: dict[str, list[Sample]] = {"train": [], "validation": [], "test": []}
    notes = []
    for name, level in parts.items():
        if not level.samples:
            notes.append(f"'{printable(name)}' has no class folders with files and is not used.")
        read[ROLES[name.lower()]] += level.samples
    if spare:
        notes.append(f"Folders beside the split are not used: {quote_some(spare)}.")
    levels = [top, *parts.values()]
    for level in levels:
        level.set_loose_aside()
    train, validation, test = read["train"], read["validation"], read["test"]
    if test:
        also = f" and validation ({len(validation):,})" if validation else ""
        notes.insert(
            0,
            f"The folder is already split: training ({len(train):,}){also} is learnt from, "
            f"test ({len(test):,}) is the sealed test.",
        )
        return _finish((*train, *validation), tuple(test), levels, notes)
    if validation:
        notes.insert(
            0,
            f"The folder is already split and has no test part: training ({len(train):,}) is "
            f"learnt from, validation ({len(validation):,}) is the sealed test.",
        )
        return _finish(tuple(train), tuple(validation), levels, notes)
    notes.insert(0, f"The classes are those inside the training folder ({len(train):,} examples).")
    return _finish(tuple(train), None, levels, notes)


def _finish(
    samples: tuple[Sample, ...],
    test: tuple[Sample, ...] | None,
    levels: Sequence[Level],
    notes: list[str],
    *,
    labelled: bool = True,
) -> Dataset:
    set_aside = [item for level in levels for item in level.harvest.set_aside]
    loose = sum("beside the class folders" in item.why for item in set_aside)
    if loose:
        files = count_things(loose, "file that lies", "files that lie")
        notes.append(f"Set aside {files} beside the class folders: no label.")
    others = len(set_aside) - loose
    if others:
        files = count_things(others, "file")
        notes.append(f"Set aside {files} of other kinds or that cannot be opened.")
    empty = [name for level in levels for name in level.empty]
    if empty:
        notes.append(f"Left out folders without a file to read: {quote_some(empty)}.")
    hidden = [name for level in levels for name in level.harvest.hidden]
    if hidden:
        names = sorted({name.rsplit("/", 1)[-1] for name in hidden})
        notes.append(f"Left out {len(hidden):,} hidden or system files: {quote_some(names)}.")
    return Dataset(samples, test, tuple(set_aside), tuple(notes), labelled=labelled)


def _nothing_found(folder: Path, level: Level, suffixes: Collection[str]) -> DataError:
    found = level.harvest.set_aside
    tables = [item.name for item in found if item.name.lower().endswith(TABLE_SUFFIXES)]
    wanted = f"Files are read that end in {list_suffixes(suffixes)}"
    if not found:
        return DataError(f"The folder '{folder}' is empty.", f"{wanted}, in a folder per class.")
    message = (
        f"The folder '{folder}' holds no file that can be read, but {describe_set_aside(found)}."
    )
    if tables:
        return DataError(message, f"If '{tables[0]}' is the list of examples, name it instead.")
    if any(item.name.lower().endswith((".zip", ".tar", ".gz", ".7z")) for item in found):
        return DataError(message, "Unpack the archive first.")
    return DataError(message, f"{wanted}, in a folder per class.")
