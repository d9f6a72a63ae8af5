"""Inputs without labels: files, folders and things in memory, for prediction."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from headstart.dataset.walk import (
    Harvest,
    describe_set_aside,
    gather,
    list_suffixes,
    printable,
    refuse_missing,
)
from headstart.errors import DataError
from headstart.schema import Sample


def read_inputs(inputs: Any, suffixes: Collection[str], *, inline: bool = False) -> list[Sample]:
    """Return samples without targets, in the order given.

    A file is taken whatever it ends in, since it was named outright; a folder gives every file
    below it that ends in one of `suffixes`, sorted. Pictures and arrays in memory pass as they are.
    With `inline` a string is the input itself (a text), unless it names a file of such an ending.
    """
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    samples: list[Sample] = []
    for number, item in enumerate(_iterate(inputs)):
        if not isinstance(item, (str, os.PathLike)):
            samples.append(Sample(item, name=f"input {number}"))
            continue
        if inline and isinstance(item, str) and not _names_a_file(item, suffixes):
            samples.append(Sample(item, name=item))
            continue
        path = Path(item).expanduser()
        if path.is_dir():
            samples += _read_below(path, os.fspath(item), suffixes)
        elif path.is_file():
            samples.append(Sample(path, name=printable(os.fspath(item))))
        else:
            raise refuse_missing(path)
    if not samples:
        raise DataError("No input was given.", "Name files or folders.")
    return samples


def _names_a_file(text: str, suffixes: Collection[str]) -> bool:
    return os.path.splitext(text)[1].lower() in suffixes and os.path.isfile(text)


def _iterate(inputs: Any) -> Iterable[Any]:
    if not isinstance(inputs, Iterable):
        raise DataError(
            f"Inputs are a list; found a single {type(inputs).__name__}.",
            "Put it in a list: [input].",
        )
    return inputs


def _read_below(folder: Path, given: str, suffixes: Collection[str]) -> list[Sample]:
    harvest = Harvest()
    if not gather(folder, printable(given.rstrip("/") or "/"), suffixes, harvest):
        found = f", but {describe_set_aside(harvest.set_aside)}" if harvest.set_aside else ""
        raise DataError(
            f"The folder '{folder}' holds no file to read{found}.",
            f"Files are read that end in {list_suffixes(suffixes)}.",
        )
    return [Sample(path, name=name) for path, name in harvest.files]
