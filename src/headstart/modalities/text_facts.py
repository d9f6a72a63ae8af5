"""What a text says of itself apart from its meaning: length, case, marks, script."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

from headstart.modalities.text_read import Parts

ADDRESS = re.compile(r"https?://|www\.", re.IGNORECASE)
MARKUP = re.compile(r"<[a-z/][^<>]*>|&[a-z]+;", re.IGNORECASE)
LOOKED_AT = 2000


def read_facts(raw: Parts) -> dict[str, Any]:
    """Return a text's facts: single values, in which shortcuts to the label are looked for."""
    text = " ".join(raw)
    head = text[:LOOKED_AT]
    letters = [sign for sign in head if sign.isalpha()]
    capitals = sum(sign.isupper() for sign in letters)
    return {
        "characters": len(text),
        "words": len(text.split()),
        "capitals": round(capitals / max(1, len(letters)), 2),
        "digits": any(sign.isdecimal() for sign in head),
        "web address": bool(ADDRESS.search(head)),
        "markup": bool(MARKUP.search(head)),
        "closing mark": not text.rstrip()[-1].isalnum(),
        "blank around": text != text.strip(),
        "script": _script(letters),
    }


def _script(letters: list[str]) -> str:
    """Return the script that most of the letters are of, by the names of the signs."""
    if not letters:
        return "none"
    found = Counter(unicodedata.name(sign, "UNKNOWN").split(" ")[0] for sign in letters[:200])
    return found.most_common(1)[0][0].lower()
