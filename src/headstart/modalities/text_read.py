"""Texts as they come: strings, pairs of strings, files in whatever encoding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from headstart.errors import UnreadableInput

Parts = tuple[str, ...]
"""A decoded input: one text, or the two of a pair."""

SUFFIXES = frozenset({".txt", ".md"})
LONGEST = 1_000_000
"""Characters. Beyond, it is a book or a damaged table, and no single label says what it is."""


def read_text(source: Any) -> Parts:
    """Return a text or a pair of texts, or raise `UnreadableInput` saying why it cannot be."""
    if isinstance(source, tuple | list):
        return tuple(_one(part) for part in source)
    return (_one(source),)


def _one(source: Any) -> str:
    if isinstance(source, os.PathLike):
        source = read_file(Path(source))
    elif isinstance(source, bytes):
        source = decode(source)
    if not isinstance(source, str):
        raise UnreadableInput(
            f"What is of the type {type(source).__name__} is no text.",
            "Give strings, or paths of text files.",
        )
    if not source.strip():
        raise UnreadableInput("The text is empty.", "Fill it in, or leave it out.")
    if "\0" in source:
        raise UnreadableInput(
            f"The text holds {source.count(chr(0)):,} NUL bytes: it is damaged, or no text.",
            "Take them out (tr -d '\\000'), or save the text again in UTF-8.",
        )
    if len(source) > LONGEST:
        raise UnreadableInput(
            f"The text is {len(source):,} characters long; {LONGEST:,} are the most.",
            "Cut it into the parts that the label is about.",
        )
    return source


def read_file(path: Path) -> str:
    """Return a file's text."""
    try:
        if path.stat().st_size > 4 * LONGEST:
            raise UnreadableInput(
                f"{path} is {path.stat().st_size:,} bytes long; a text has {LONGEST:,} characters "
                "at most.",
                "Cut it into the parts that the label is about.",
            )
        return decode(path.read_bytes())
    except OSError as error:
        raise UnreadableInput(
            f"{path} cannot be opened ({error.strerror or error}).",
            "Check the path and who may read it.",
        ) from error


def decode(raw: bytes) -> str:
    """Return bytes as text: UTF-8, UTF-16 by its mark, else the encoding of western Windows."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableInput(
        "The text begins as UTF-16 and is damaged.", "Save the text again in UTF-8."
    )
