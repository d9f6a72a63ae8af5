"""Marked stretches of a text on the page, told apart by colour, by line and by word.

What is right has a whole line under it, what is wrong a broken one, and every stretch is followed
by what it was called, so that the page says the same in black and white, and read aloud.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from headstart.report.names import clean
from headstart.report.words import mapping, sequence, whole

LONGEST = 4000
STRETCH = Markup('<span class="{}"><span dir="auto">{}</span><small>{}</small></span>')


def marked(text: str, spans: Any) -> Markup:
    """Return a text with its spans marked; what does not fit into it is left out."""
    text = text[:LONGEST]
    parts, at = [], 0
    for span in sorted(_whole_spans(spans), key=lambda each: int(each["start"])):
        start, end = int(span["start"]), int(span["end"])
        if not at <= start < end <= len(text):
            continue
        parts.append(Markup("{}").format(clean(text[at:start], LONGEST)))
        kind = "named right" if span.get("right") else "named wrong"
        said = f"{clean(span.get('label', ''))}{'' if span.get('right') else ' ✗'}"
        parts.append(STRETCH.format(kind, clean(text[start:end], LONGEST), said))
        at = end
    parts.append(Markup("{}").format(clean(text[at:], LONGEST)))
    return Markup("").join(parts)


def _whole_spans(spans: Any) -> Sequence[Mapping[str, Any]]:
    found = [mapping(span) for span in sequence(spans)]
    return [
        span
        for span in found
        if whole(span.get("start")) is not None and whole(span.get("end")) is not None
    ]
