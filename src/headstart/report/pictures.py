"""Pictures, sounds and texts on a page: only plain ones go in, and they can be found there again.

A picture is `{"kind": "picture", "mime", "data"}`; a sound `{"kind": "sound", "mime", "data"}`
with its spectrogram, a PNG, as `picture`; a text `{"kind": "text", "mime", "data"}`. Data are
base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from pathlib import Path

TYPES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
PLAYED = frozenset({"audio/ogg", "audio/wav", "audio/mpeg", "audio/flac"})
ADDRESS = re.compile(r"data:((?:image|audio)/[a-z]+);base64,([A-Za-z0-9+/=]+)")


def address(shown: Mapping[str, str] | None) -> str | None:
    """Return a data address for a picture, or None for anything that is not plainly one."""
    if not shown:
        return None
    if shown.get("kind") == "sound":
        return _address("image/png", shown.get("picture"))
    plain = shown.get("kind") == "picture" and shown.get("mime") in TYPES
    return _address(shown["mime"], shown.get("data")) if plain else None


def sound_address(shown: Mapping[str, str] | None) -> str | None:
    """Return a data address for a sound to play, or None for anything that is not plainly one."""
    plain = shown and shown.get("kind") == "sound" and shown.get("mime") in PLAYED
    return _address(shown["mime"], shown.get("data")) if shown and plain else None


def text_of(shown: Mapping[str, str] | None) -> str | None:
    """Return a shown text, or None for anything that is not plainly one."""
    if not shown or shown.get("kind") != "text":
        return None
    try:
        return base64.b64decode(shown.get("data") or "", validate=True).decode("utf-8")
    except ValueError:
        return None


def _address(mime: str, data: str | None) -> str | None:
    try:
        base64.b64decode(data or "", validate=True)
    except (ValueError, TypeError, binascii.Error):
        return None
    return f"data:{mime};base64,{data}" if data else None


def mark(name: str) -> str:
    """Return what marks a picture on the page as that of `name`, however hostile the name is."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def kept_pictures(page: Path, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the pictures and sounds of these names in a report that `render` wrote before.

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
        if tag == "q" and of and known.get("data-kept"):
            data = str(known["data-kept"])
            self.found[of] = {"kind": "text", "mime": "text/plain", "data": data}
        elif tag == "img" and match and of:
            self.found[of] = {"kind": "picture", "mime": match[1], "data": match[2]}
        elif tag == "audio" and match and of in self.found:
            # It stands after its spectrogram.
            picture = self.found[of]["data"]
            sound = {"kind": "sound", "mime": match[1], "data": match[2], "picture": picture}
            self.found[of] = sound
