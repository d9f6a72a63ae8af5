"""Ways of writing tags (IOB1, BIO, BIOES, BILOU): told apart, and brought to the one called BIO.

All name the same things. BIO begins each with B- and goes on with I-. IOB1 begins with I-, and with
B- only where a thing of the same type stands right before. BIOES marks the last word with E- and a
lone one with S-, for which BILOU has L- and U-.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from headstart.errors import DataError

TAG = re.compile(r"O|[BIESLU]-\S.*")
ENDS = frozenset("ESLU")


def convert(
    texts: Sequence[Sequence[str]], path: Path, lines: Sequence[Sequence[int]]
) -> tuple[list[list[str]], list[str]]:
    """Return the tags of texts as BIO, and notes on how they were written; refuse a mixture."""
    first: dict[str, int] = {}
    for text, numbers in zip(texts, lines, strict=True):
        for tag, number in zip(text, numbers, strict=True):
            first.setdefault(tag[0], number)
    used = set(first) & ENDS
    if used & set("ES") and used & set("LU"):
        where = max(first[letter] for letter in used)
        raise DataError(
            f"Line {where} of '{path}' mixes two ways of writing tags: "
            f"{', '.join(sorted(used))} do not go together.",
            "Write all tags in one way: BIO, IOB1, BIOES or BILOU.",
        )
    if used:
        name = "BIOES" if used & set("ES") else "BILOU"
        return [[_plain(tag) for tag in _whole(text)] for text in texts], [
            f"Tags are written as {name} and were converted to BIO."
        ]
    begun, after_same, stray = _beginnings(texts)
    if stray and begun == after_same:
        return [_begin_each(text) for text in texts], [
            "Tags are written as IOB1 and were converted to BIO."
        ]
    if stray:
        return [_begin_each(text) for text in texts], [
            "Tags are written as BIO.",
            f"{stray:,} things begin with I- instead of B-: they were taken to begin there.",
        ]
    return [list(text) for text in texts], ["Tags are written as BIO."]


def _beginnings(texts: Sequence[Sequence[str]]) -> tuple[int, int, int]:
    """Count B- tags, those right after a thing of their type, and I- that follow nothing."""
    begun = after_same = stray = 0
    for text in texts:
        before = "O"
        for tag in text:
            same = before[2:] == tag[2:] and before != "O"
            begun += tag[0] == "B"
            after_same += tag[0] == "B" and same
            stray += tag[0] == "I" and not same
            before = tag
    return begun, after_same, stray


def _begin_each(text: Sequence[str]) -> list[str]:
    """Begin with B- what follows nothing of its own type."""
    done: list[str] = []
    for tag in text:
        follows = done and done[-1] != "O" and done[-1][2:] == tag[2:]
        done.append(f"B{tag[1:]}" if tag[0] == "I" and not follows else tag)
    return done


def _whole(text: Sequence[str]) -> list[str]:
    """Begin with B- what follows the end of a thing, or nothing of its own type."""
    done: list[str] = []
    before = "O"
    for tag in text:
        over = before == "O" or before[0] in ENDS or before[2:] != tag[2:]
        done.append(f"B{tag[1:]}" if tag[0] in "IEL" and over else tag)
        before = tag
    return done


def _plain(tag: str) -> str:
    """Return a tag with the letter that BIO has for it."""
    return {"S": "B", "U": "B", "E": "I", "L": "I"}.get(tag[0], tag[0]) + tag[1:]
