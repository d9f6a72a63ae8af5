"""The pictures on a page: only plain ones go in, and they can be found there again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from pathlib import Path

TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
ADDRESS = re.compile(r"data:(image/[a-z]+);base64,([A-Za-z0-9+/=]+)")


def address(shown: Mapping[str, str] | None) -> str | None:
    """Return a data address for a picture, or None for anything that is not plainly one."""
    if not shown or shown.get("kind") != "picture" or shown.get("mime") not in TYPES:
        return None
    try:
        base64.b64decode(shown["data"], validate=True)
    except (KeyError, ValueError, TypeError, binascii.Error):
        return None
    return f"data:{shown['mime']};base64,{shown['data']}"


def mark(name: str) -> str:
    """Return what marks a picture on the page as that of `name`, however hostile the name is."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def kept_pictures(page: Path, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the pictures of these names in a report that `render` wrote before.

    Pictures live in the report alone (a model folder holds no other copy of the user's data), so
    this is how writing a report again keeps them. Without a report there are none.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    reader = _Reader()
    reader.feed(text)
    return {name: reader.found[mark(name)] for name in names if mark(name) in reader.found}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        match = ADDRESS.fullmatch(known.get("src") or "")
        of = known.get("data-of")
        if tag == "img" and match and of:
            self.found[of] = {"kind": "picture", "mime": match[1], "data": match[2]}
