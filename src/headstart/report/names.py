"""File and class names on the page. They are hostile input: long, reordering, or made of markup."""

from __future__ import annotations

import unicodedata
from typing import Any

from markupsafe import Markup

from headstart.report.words import REORDERING

LONGEST = 120
LONGEST_SENTENCE = 600


def clean(text: Any, longest: int = LONGEST) -> str:
    """Return text without what deceives or cannot be shown (controls, marks), and not too long.

    The middle of a long name is left out: both its beginning and its ending tell names apart.
    """
    said = "".join(
        "\ufffd" if letter in REORDERING or unicodedata.category(letter) in ("Cc", "Cs") else letter
        for letter in str(text)
    )
    if len(said) > longest:
        said = f"{said[: longest - 40]} … {said[-36:]}"
    return said


def sentence(text: Any) -> str:
    """Return a sentence that may quote names, made as safe as they are."""
    return clean(text, LONGEST_SENTENCE)


def name(text: Any) -> Markup:
    """Return a name as markup: escaped, and kept from reordering the words around it."""
    return Markup('<bdi class="name">{}</bdi>').format(clean(text) or "(empty)")


def names(texts: list[str]) -> Markup:
    """Return several names, such as the labels of one example, with commas between."""
    if not texts:
        return Markup('<em class="none">none</em>')
    return Markup(", ").join(name(text) for text in texts)
