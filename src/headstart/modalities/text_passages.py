"""Questions on texts: the question beside every window of the text, whose tokens are the rows.

Windows overlap, so that an answer at the end of one stands within another. The first token of each
window is a row too: it stands for that the answer is not there.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np

from headstart.asked import Located, Passage
from headstart.modalities.base import Arrays
from headstart.modalities.text_read import read_text
from headstart.modalities.text_rows import LEFT_OUT, STAND_IN, cut
from headstart.modalities.text_tokens import bare, open_tokenizer
from headstart.schema import TextSpec

OVERLAP = 96
"""Tokens that two windows share, a quarter of the room at most: few answers are longer."""

NOWHERE = (-1, -1)


def read_passage(source: Passage) -> Passage:
    """Return a question and its text, or say why one of them cannot be read."""
    (question,), (text,) = read_text(source.question), read_text(source.text)
    return Passage(question, text)


def fingerprint_passage(raw: Passage) -> str:
    """Return a hash of a question and its text, which is none of the two as a pair."""
    said = "\0".join(("passage", raw.question, raw.text))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def passage_windows(
    raw: Passage, spec: TextSpec, chance: np.random.Generator | None = None
) -> list[Arrays]:
    """Return the windows of a text, each beside the question, with their rows marked.

    By chance a few tokens of the question are hidden; the text, and so the rows, stay.
    """
    return [arrays for arrays, _ in _windows(raw, spec, chance)]


def locate_passage(raw: Passage, spec: TextSpec) -> Located:
    """Return where the rows of all windows stand in the text."""
    places = [
        (number, *place)
        for number, (_, found) in enumerate(_windows(raw, spec))
        for place in (NOWHERE, *found)
    ]
    return Located(raw.text, tuple(places))


def _windows(
    raw: Passage, spec: TextSpec, chance: np.random.Generator | None = None
) -> list[tuple[Arrays, list[tuple[int, int]]]]:
    tokenizer = open_tokenizer(spec.content, spec.length, "longest_first")
    frame = _frame(spec.content, spec.length)
    free = spec.length - sum(len(ids) for ids, _ in frame)
    asked = bare(tokenizer, raw.question).ids[: free // 2]
    if chance is not None:
        hidden = chance.random(len(asked)) < chance.uniform(0, LEFT_OUT)
        stand_in = bare(tokenizer, STAND_IN).ids[-1]
        asked = [stand_in if hide else each for hide, each in zip(hidden, asked, strict=True)]
    whole = bare(tokenizer, raw.text)
    room = free - len(asked)
    found = []
    for start, stop, _ in cut(len(whole.ids), room, min(OVERLAP, room // 4)):
        parts = [frame[0], (asked, [0] * len(asked)), frame[1]]
        kinds = [1 if any(frame[2][1]) else 0] * (stop - start)
        parts += [(whole.ids[start:stop], kinds), frame[2]]
        ids = np.concatenate([np.array(each, np.int32) for each, _ in parts])
        first = sum(len(each) for each, _ in parts[:3])
        rows = np.zeros(len(ids), bool)
        rows[0] = True
        rows[first : first + stop - start] = True
        arrays = {"x": ids, "mask": np.ones(len(ids), bool), "rows": rows}
        if spec.kinds:
            arrays["kinds"] = np.concatenate([np.array(each, np.int32) for _, each in parts])
        found.append((arrays, [tuple(place) for place in whole.offsets[start:stop]]))
    return found


@lru_cache(maxsize=16)
def _frame(content: str, length: int) -> tuple[Any, Any, Any]:
    """Return the special tokens before, between and after the two of a pair, and their kinds."""
    pair = open_tokenizer(content, length, "longest_first").encode(STAND_IN, STAND_IN)
    plain = [at for at, special in enumerate(pair.special_tokens_mask) if not special]
    halves = [at for at in plain if pair.sequence_ids[at] == 0]
    others = [at for at in plain if pair.sequence_ids[at] == 1]

    def some(start: int, stop: int) -> tuple[list[int], list[int]]:
        return pair.ids[start:stop], pair.type_ids[start:stop]

    before = some(0, halves[0])
    between = some(halves[-1] + 1, others[0])
    return before, between, some(others[-1] + 1, len(pair.ids))
