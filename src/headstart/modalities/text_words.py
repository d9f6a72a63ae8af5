"""Where the words of a text stand, in the text as the person has it.

Words are what tags are of: what stands between blanks, without the marks around it, which are words
of their own. A web address, a name with @ and a topic with # stay whole, so do numbers, words with
hyphens and most with an apostrophe; a possessive 's stands alone, as in the usual collections. A
letter goes with the marks that combine with it, and an emoji with what varies it.

Characters are first brought down to a few classes, one sign for each character, so that the rules
are short and every place is a place in the original.
"""

from __future__ import annotations

import re
import unicodedata

LETTER, DIGIT, MARK, BLANK, EMOJI, JOINER = "wdm e+"

WHOLE = re.compile(
    r"(?:https?://|www\.)\S*[\w/]"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|[@#][\w]+"
)
"""What is one word whatever stands in it: addresses, @names, #topics."""

WORD = re.compile(
    r"(?:w\.){2,}"  # U.S.
    r"|d[dm]*(?:[.,:/-]d[dm]*)+"  # 3.5  1,000  12:30
    r"|[wd][wdm+]*(?:[-_'’.&][wd][wdm+]*)*"  # letters, also mother-in-law, don't, AT&T
    r"|e[me+]*"
    r"|([^ wde])\1*"  # a mark, or a row of one and the same
)
POSSESSIVE = re.compile(r"['’][sS]$")


def find_words(text: str) -> tuple[tuple[int, int], ...]:
    """Return where each word begins and ends."""
    shape = "".join(map(_class_of, text))
    found: list[tuple[int, int]] = []
    for stretch in re.finditer(r"[^ ]+", shape):
        at, end = stretch.span()
        while at < end:
            whole = WHOLE.match(text, at, end)
            if whole:
                found.append(whole.span())
                at = whole.end()
            else:
                match = WORD.match(shape, at, end)
                start, at = at, match.end() if match else at + 1
                found += _without_possessive(text, start, at)
    return tuple(found)


def _without_possessive(text: str, start: int, end: int) -> list[tuple[int, int]]:
    said = POSSESSIVE.search(text, start, end)
    if said is None or said.start() == start:
        return [(start, end)]
    return [(start, said.start()), (said.start(), end)]


def _class_of(sign: str) -> str:
    if sign.isspace():
        return BLANK
    kind = unicodedata.category(sign)
    if kind[0] == "L":
        return LETTER
    if kind[0] == "N":
        return DIGIT
    if sign in "\u200c\u200d":  # they join letters of some scripts, and emoji
        return JOINER
    if kind in ("Cc", "Cf", "Cs"):
        return BLANK
    if kind[0] == "M" or "\U0001f3fb" <= sign <= "\U0001f3ff":
        return MARK
    if kind == "So":
        return EMOJI
    return "=" if sign == JOINER else sign
