"""Which differences between two writings of the same words do not count, under a name for each.

What a transcript says is judged after it was normalised, and a figure means something only together
with how. So every way has a name that stands in the evaluation and in the model folder, and what a
name does never changes: another way gets another name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from headstart.errors import UserError, closest

APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u02b9\u0060\u00b4", "'"))
INSIDE_WORD = re.compile(r"(?<=\w)'(?=\w)")
INSIDE_NUMBER = re.compile(r"(?<=\d)[.,:](?=\d)")


def plain(text: str) -> str:
    """Leave out capitals, punctuation and the kinds of blanks; write characters in one form.

    Characters are brought to Unicode's NFKC, capitals to small letters. Punctuation becomes a
    blank, except an apostrophe within a word (don't) and a point, comma or colon within a number
    (3.5). Numbers are left as they are written: "two" and "2" are two words. Blanks become one.
    """
    text = unicodedata.normalize("NFKC", text.translate(APOSTROPHES))
    text = unicodedata.normalize("NFKC", text.casefold()).translate(APOSTROPHES)
    kept = {
        found.start() for inside in (INSIDE_WORD, INSIDE_NUMBER) for found in inside.finditer(text)
    }
    spelt = (
        character if at in kept else _without_punctuation(character)
        for at, character in enumerate(text)
    )
    return " ".join("".join(spelt).split())


def _without_punctuation(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":  # soft hyphens, joiners and marks of direction are not seen
        return ""
    return " " if category.startswith("P") else character


def none(text: str) -> str:
    """Leave everything as it is written but the kinds of blanks, which words are told by."""
    return " ".join(text.split())


NORMALISATIONS: dict[str, Callable[[str], str]] = {"plain": plain, "none": none}
"""Every way by its name. Figures are kept with the name: never change what one of them does."""

USUAL = "plain"


def get_normalisation(name: str) -> Callable[[str], str]:
    """Return the way of normalising that a name stands for."""
    if name not in NORMALISATIONS:
        raise UserError(
            f"There is no text normalisation '{name}'.{closest(name, list(NORMALISATIONS))}",
            f"Use one of: {', '.join(NORMALISATIONS)}.",
        )
    return NORMALISATIONS[name]
