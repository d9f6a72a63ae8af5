"""Texts that are asked about row by row: where in their tokens the rows stand.

A word is known by its first token, which the tokenizer's own places in the text tell. Of a text
longer than a backbone reads at once, windows overlap, and each word is asked about in the window
in which it has more of the text on both sides: nothing is cut off, and nothing is asked twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from headstart.asked import Passage, Words
from headstart.errors import UnreadableInput
from headstart.modalities.base import Arrays
from headstart.modalities.text_read import Parts, read_text
from headstart.modalities.text_tokens import bare, open_tokenizer
from headstart.modalities.text_words import find_words
from headstart.schema import TextSpec

MOST_OVERLAP = 64
STAND_IN = "."
"""What a word is read as that is hidden, or of which the tokenizer leaves nothing."""

LEFT_OUT = 0.1
"""Up to this share of the words of a view is hidden, so that the words around them count too."""


def read_words(source: Words) -> Words:
    """Return a text with the places of its words; refuse one without any."""
    (text,) = read_text(source.text)
    places = source.places or find_words(text)
    if not places:
        raise UnreadableInput("The text holds no word.", "Fill it in, or leave it out.")
    return Words(text, places)


def words_of(raw: Words) -> list[str]:
    """Return the words of a text."""
    return [raw.text[start:end] for start, end in raw.places or find_words(raw.text)]


def fingerprint_words(raw: Words) -> str:
    """Return a hash of a text's words, which is none of the same text asked as a whole."""
    said = "\0".join(("words", *words_of(raw)))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def word_windows(words: Sequence[str], spec: TextSpec) -> list[Arrays]:
    """Return the windows of a text, its words one blank apart, with their first tokens marked."""
    tokenizer = open_tokenizer(spec.content, spec.length, "longest_first")
    whole, firsts = _tokens(tokenizer, words)
    if (firsts < 0).any():
        # Signs that the tokenizer drops are a word all the same, and asked about.
        words = [STAND_IN if first < 0 else word for word, first in zip(words, firsts, strict=True)]
        whole, firsts = _tokens(tokenizer, words)
    before, after = _frame(spec.content, spec.length)
    room = spec.length - len(before) - len(after)
    ids, asked = np.array(whole.ids, np.int32), np.zeros(len(whole.ids), bool)
    asked[firsts[firsts >= 0]] = True
    found = []
    for start, stop, own in cut(len(ids), room, min(MOST_OVERLAP, room // 4)):
        rows = np.zeros(stop - start, bool)
        rows[own] = asked[start:stop][own]
        if rows.any():
            found.append(_window(ids[start:stop], rows, before, after, spec))
    return found


def cut(count: int, room: int, overlap: int) -> list[tuple[int, int, slice]]:
    """Return windows over so many tokens: start, end, and which of its own each is asked about."""
    found = []
    for start in range(0, max(1, count - overlap), room - overlap):
        stop = min(start + room, count)
        first = overlap // 2 if start else 0
        last = stop - start if stop == count else room - (overlap - overlap // 2)
        found.append((start, stop, slice(first, last)))
    return found


def vary_words(words: Sequence[str], chance: np.random.Generator) -> list[str]:
    """Return the words with a few of them hidden; each still has its row."""
    hidden = chance.random(len(words)) < chance.uniform(0, LEFT_OUT)
    return [STAND_IN if hide else word for word, hide in zip(words, hidden, strict=True)]


def _tokens(tokenizer: Any, words: Sequence[str]) -> tuple[Any, np.ndarray]:
    """Return a text's tokens, and which is the first of each word (-1: none)."""
    text = " ".join(words)
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    of = np.repeat(np.arange(len(words)), [len(word) + 1 for word in words])
    of[ends] = -1  # the blanks between
    whole = bare(tokenizer, text)
    firsts = np.full(len(words), -1)
    for at, (start, end) in enumerate(whole.offsets):
        # Some tokenizers count the blank before a word to its token.
        start += len(text[start:end]) - len(text[start:end].lstrip(" "))
        if start < end and of[start] >= 0 and firsts[of[start]] < 0:
            firsts[of[start]] = at
    return whole, firsts


@lru_cache(maxsize=16)
def _frame(content: str, length: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the special tokens that stand before and after a text."""
    encoded = open_tokenizer(content, length, "longest_first").encode(STAND_IN)
    inner = np.flatnonzero(np.array(encoded.special_tokens_mask) == 0)
    return tuple(encoded.ids[: inner[0]]), tuple(encoded.ids[inner[-1] + 1 :])


def _window(
    ids: np.ndarray,
    rows: np.ndarray,
    before: tuple[int, ...],
    after: tuple[int, ...],
    spec: TextSpec,
) -> Arrays:
    x = np.concatenate([np.array(before, np.int32), ids, np.array(after, np.int32)])
    arrays = {"x": x, "mask": np.ones(len(x), bool)}
    arrays["rows"] = np.zeros(len(x), bool)
    arrays["rows"][len(before) : len(before) + len(ids)] = rows
    if spec.kinds:
        arrays["kinds"] = np.zeros(len(x), np.int32)
    return arrays


def parts_of(raw: Parts | Words | Passage) -> Parts:
    """Return the texts of a decoded input, as which it is known again and shown."""
    if isinstance(raw, Passage):
        return (raw.question, raw.text)
    return (raw.text,) if isinstance(raw, Words) else raw
