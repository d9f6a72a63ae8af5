"""Texts: sentences, reviews, messages, pairs of them; as strings or in files."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.asked import Located, Passage, Words
from headstart.modalities.base import Arrays, State
from headstart.modalities.lengths import joined, together
from headstart.modalities.text_facts import read_facts
from headstart.modalities.text_passages import (
    fingerprint_passage,
    locate_passage,
    passage_windows,
    read_passage,
)
from headstart.modalities.text_read import SUFFIXES, Parts, read_text
from headstart.modalities.text_rows import (
    fingerprint_words,
    parts_of,
    read_words,
    word_windows,
    words_of,
)
from headstart.modalities.text_tokens import windows
from headstart.modalities.text_twins import find_twins, sketch
from headstart.modalities.text_views import make_view
from headstart.schema import InputSpec, TextSpec

SHOWN = 600
SHOWN_WITH_MARKS = 4000
"""Characters of a text that marks refer to: the marks of longer ones are seldom read."""

WORDS = (
    "a", "the", "this", "that", "we", "they", "people", "nobody", "water", "paper", "letter",
    "garden", "window", "morning", "evening", "winter", "quick", "slow", "bright", "empty", "early",
    "careful", "green", "heavy", "walked", "found", "wrote", "sold", "carried", "opened", "forgot",
    "under", "beside", "before", "after", "without", "and", "but", "because", "however", "often",
    "never", "again",
)  # fmt: skip


class Text:
    """The text modality. A decoded input is a tuple of one text, or of the two of a pair.

    Given as `Words`, a text is asked about word by word: each has a row. Given as a `Passage`, a
    question is asked about a text: each token has a row.
    """

    name = "text"
    suffixes = SUFFIXES
    inline = True
    timed = False

    def accepts(self, source: Any) -> bool:
        """Tell whether `source` could be a text: a string is one, and a path by its ending."""
        if isinstance(source, os.PathLike):
            return Path(source).suffix.lower() in self.suffixes
        if isinstance(source, tuple):
            return len(source) == 2 and all(isinstance(part, str) for part in source)
        return isinstance(source, str | Words | Passage)

    def fingerprint(self, source: Any) -> str:
        """Return a hash of the text: the same in a file, in a table, in another encoding."""
        if isinstance(source, Words):
            return fingerprint_words(read_words(source))
        if isinstance(source, Passage):
            return fingerprint_passage(read_passage(source))
        return hashlib.sha256("\0".join(read_text(source)).encode("utf-8", "replace")).hexdigest()

    def read(self, source: Any) -> Parts | Words | Passage:
        """Return the text, or raise `UnreadableInput` saying why it cannot be read."""
        if isinstance(source, Passage):
            return read_passage(source)
        return read_words(source) if isinstance(source, Words) else read_text(source)

    def prepare(self, raw: Any, spec: InputSpec) -> Arrays:
        """Return the token ids of the first window, by the checkpoint's own tokenizer.

        Where rows are marked, the windows are all there, joined.
        """
        found = self.windows(raw, spec)
        return joined(found) if isinstance(raw, Words | Passage) else found[0]

    def windows(self, raw: Any, spec: InputSpec) -> list[Arrays]:
        """Return the token ids of all windows: nothing of a long text is cut off."""
        if isinstance(raw, Passage):
            return passage_windows(raw, _text_spec(spec))
        if isinstance(raw, Words):
            return word_windows(words_of(raw), _text_spec(spec))
        return windows(raw, _text_spec(spec))

    def locate(self, raw: Any, spec: InputSpec) -> Located:
        """Return where the words of a text stand, or the tokens of one that is asked about."""
        if isinstance(raw, Passage):
            return locate_passage(raw, _text_spec(spec))
        return Located(raw.text, tuple((0, start, end) for start, end in raw.places))

    def view(self, raw: Any, spec: InputSpec, key: str, number: int) -> Arrays:
        """Return augmentation view `number`."""
        return make_view(raw, _text_spec(spec), key, number)

    def mirror(self, example: Arrays) -> None:
        """Return None: a text read backwards is none."""

    def collate(self, examples: Sequence[Arrays], spec: InputSpec) -> State:
        """Pad token ids to the longest of the batch."""
        return together(examples)

    def sketch(self, raw: Any) -> np.ndarray:
        """Return 266 bytes by which `twins` knows a text again."""
        return sketch(parts_of(raw))

    def twins(self, sketches: np.ndarray) -> list[list[int]]:
        """Return the groups of rows that are one text: copied, or with a word more or less."""
        return find_twins(sketches)

    def facts(self, source: Any) -> dict[str, Any]:
        """Return the text's length, case, marks and script."""
        return read_facts(parts_of(self.read(source)))

    def show(self, raw: Any) -> dict[str, str]:
        """Return the text, or the beginning of a long one, for the report."""
        # What is said of words refers to places, so nothing is closed up there.
        if isinstance(raw, Words | Passage):
            shown = raw.text[:SHOWN_WITH_MARKS]
        else:
            whole = " | ".join(" ".join(part.split()) for part in raw)
            shown = whole if len(whole) <= SHOWN else f"{whole[:SHOWN]} …"
        data = base64.b64encode(shown.encode("utf-8", "replace")).decode("ascii")
        return {"kind": "text", "mime": "text/plain", "data": data}

    def golden(self, spec: InputSpec, seed: int, count: int) -> list[Parts]:
        """Write texts of simple words by whole-number arithmetic, the same on every machine."""
        return [_write(seed * 1009 + number) for number in range(count)]

    def varied(self, spec: InputSpec, seed: int, count: int) -> list[Parts]:
        """Write texts that differ more: of two to sixty words, each drawing on a few of them."""
        return [_write(seed * 2003 + number, varied=True) for number in range(count)]


def _text_spec(spec: InputSpec) -> TextSpec:
    if not isinstance(spec, TextSpec):
        raise TypeError(f"the text modality needs a TextSpec, not {type(spec).__name__}")
    return spec


def _write(seed: int, *, varied: bool = False) -> Parts:
    """Put simple words in a row, of a number and in an order that the seed decides."""
    state = (seed * 2654435761 + 12345) % 2**32

    def choose(least: int, most: int) -> int:
        nonlocal state
        state = (state * 1664525 + 1013904223) % 2**32
        return least + (state >> 16) % (most - least + 1)

    known: Sequence[str] = WORDS
    if varied:
        known = tuple(WORDS[choose(0, len(WORDS) - 1)] for _ in range(choose(2, 12)))
    count = choose(2, 60) if varied else choose(6, 20)
    words = [known[choose(0, len(known) - 1)] for _ in range(count)]
    return (" ".join(words).capitalize() + ".",)
