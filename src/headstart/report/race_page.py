"""From race to page: `render` fills the template, and lets the page run its own script alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from markupsafe import Markup

from headstart.errors import UserError
from headstart.report.race_view import view
from headstart.report.template import fill, source

FORMAT = 1
SCRIPTS = ("race_drawing.js", "race_pictures.js", "race.js")


def render(record: Mapping[str, Any]) -> str:
    """Return a race, as `race.json` holds it, as one HTML page that asks the network for nothing.

    The page's policy names its script by hash, so that nothing else can run in it.
    """
    require_format(record)
    shown = view(record)
    script, digest = _script()
    return fill(
        "race.html",
        {**shown, "drawn": _embedded(shown["drawn"]), "script": script, "digest": digest},
    )


def require_format(record: Mapping[str, Any]) -> None:
    """Refuse a race that another version wrote in another form."""
    found = record.get("format")
    if found != FORMAT:
        raise UserError(
            f"This race is written in format {found}, and this headstart reads format {FORMAT}.",
            "Use the headstart that wrote it, or run the race again.",
        )


@cache
def _script() -> tuple[Markup, str]:
    """Return the page's script and the hash by which its policy knows it."""
    text = "\n".join(["'use strict';", *map(source, SCRIPTS)])
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
    return Markup(text), f"sha256-{digest}"


def _embedded(drawn: Any) -> Markup:
    """Return data as JSON that cannot end the element in which it stands."""
    text = json.dumps(drawn, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)
