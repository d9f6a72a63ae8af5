"""CoNLL files: a word a line with its tag in the last column, a blank line after each text.

Words are what people tokenised them to, and stay so. Columns are separated by tabs or blanks; lines
that begin with # and end in no tag are comments, and -DOCSTART- begins a document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from headstart.asked import Tags, Words
from headstart.dataset.encodings import decode
from headstart.dataset.tagging import TAG, convert
from headstart.dataset.trainable import Dataset
from headstart.errors import DataError
from headstart.schema import Sample

SUFFIXES = frozenset({".conll", ".conll2003", ".iob", ".iob2", ".bio", ".bioes", ".bilou"})
PERHAPS = frozenset({".txt", ".tsv", ".tab"})
DOCUMENT = "-DOCSTART-"
DOCUMENTS = 20
"""From so many documents on, the texts of one stay together in every split."""

LOOKED_AT = 200
BLANKS = re.compile(r"[ \t]+")


def holds_tags(path: Path) -> bool:
    """Tell whether a file is one of tagged words: by its ending, or where that is open by looks."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if path.suffix.lower() not in PERHAPS:
        return False
    try:
        with path.open("rb") as file:
            lines = [
                line.decode("utf-8", "replace").rstrip("\r\n") for line in islice(file, LOOKED_AT)
            ]
    except OSError:
        return False
    rows = [_columns(line) for line in lines if line.strip() and not line.startswith("#")]
    tags = [row[-1] for row in rows if row[0] != DOCUMENT]
    named = sum(tag != "O" for tag in tags)
    return named > 0 and all(len(row) > 1 and TAG.fullmatch(row[-1]) for row in rows)


@dataclass
class _Text:
    """A text as it is gathered: where it begins, which document it is of, its words and tags."""

    line: int
    document: int
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_conll(path: Path) -> Dataset:
    """Return a file's texts as samples, their tags as BIO whatever way they are written."""
    notes: list[str] = []
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"The file '{path}' cannot be opened: {error.strerror or error}.",
            "Check who may read it (ls -l), and the disk it is on.",
        ) from error
    texts = _gather(path, decode(path, raw, notes), notes)
    tags, said = convert([text.tags for text in texts], path, [text.lines for text in texts])
    notes += said
    documents = texts[-1].document
    grouped = documents >= DOCUMENTS
    if grouped:
        notes.append(f"The texts of each of the {documents:,} documents stay together.")
    samples = []
    for text, each in zip(texts, tags, strict=True):
        joined = " ".join(text.words)
        places, at = [], 0
        for word in text.words:
            places.append((at, at + len(word)))
            at += len(word) + 1
        samples.append(
            Sample(
                Words(joined, tuple(places)),
                Tags(tuple(each), tuple(places)),
                f"line {text.line}",
                group=f"document {text.document}" if grouped else None,
            )
        )
    words = sum(len(text.words) for text in texts)
    notes.append(f"'{path.name}' holds {len(texts):,} texts of {words:,} tagged words.")
    return Dataset(tuple(samples), notes=tuple(notes), kind="table")


def _gather(path: Path, content: str, notes: list[str]) -> list[_Text]:
    texts: list[_Text] = []
    document, comments, width, open_text = 0, 0, 0, False
    for number, line in enumerate(re.split(r"\r\n|\n|\r", content), 1):
        if not line.strip(" \t"):
            open_text = False
            continue
        row = _columns(line)
        if row[0] == DOCUMENT:
            document, open_text = document + 1, False
            continue
        if line.startswith("#") and (len(row) < 2 or not TAG.fullmatch(row[-1])):
            comments += 1
            continue
        width = width or len(row)
        _refuse_ragged(path, number, row, width)
        if not open_text:
            texts.append(_Text(number, document))
            open_text = True
        texts[-1].words.append(row[0])
        texts[-1].tags.append(row[-1])
        texts[-1].lines.append(number)
    if not texts:
        raise DataError(
            f"'{path}' holds no tagged word.",
            "Give lines of a word and its tag, such as 'Ada B-person'.",
        )
    if comments:
        notes.append(f"Left out {comments:,} lines of comments (#) in '{path.name}'.")
    return texts


def _columns(line: str) -> list[str]:
    """Return a line's cells: between tabs if it has any, so that a word may hold blanks."""
    if "\t" in line.strip("\t"):
        return [cell.strip(" ") for cell in line.rstrip("\t").split("\t")]
    return BLANKS.split(line.strip(" \t"))


def _refuse_ragged(path: Path, number: int, row: list[str], width: int) -> None:
    if width < 2:
        raise DataError(
            f"Line {number} of '{path}' has one column ({row[0][:40]!r}), where a word and its tag "
            "are expected.",
            "Separate words and tags by a tab or a blank.",
        )
    if len(row) != width:
        raise DataError(
            f"Line {number} of '{path}' has {len(row)} columns, where the first line has {width}.",
            "Mend the line: each needs a word, a tag, and as many columns as the others.",
        )
    if not row[0]:
        raise DataError(f"Line {number} of '{path}' has a tag and no word.", "Put the word in.")
    if not TAG.fullmatch(row[-1]):
        raise DataError(
            f"Line {number} of '{path}' has the tag {row[-1][:40]!r}, which is none.",
            "Tags are O, or one of B I E S L U with a hyphen and a type: B-person.",
        )
