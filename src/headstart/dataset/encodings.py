"""Bytes as text: in whatever encoding a table or a list comes."""

from __future__ import annotations

from pathlib import Path

from headstart.errors import DataError


def decode(path: Path, raw: bytes, notes: list[str]) -> str:
    """Return a file's text; an encoding other than UTF-8 is said aloud in the notes."""
    if not raw.strip():
        raise DataError(f"The file '{path}' is empty.", "Give a table with a header and rows.")
    encoding = _find_wide_encoding(raw)
    if encoding:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise DataError(
                f"'{path}' begins as UTF-16 and is damaged at byte {error.start:,}.",
                "Save it again in UTF-8.",
            ) from error
        notes.append(f"'{path.name}' is written in UTF-16.")
        return text.removeprefix("\ufeff")
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise DataError(
            f"'{path}' is not clean text: {raw.count(0):,} NUL bytes, the first in line {line}.",
            "Save it again in UTF-8; a damaged copy is mended by taking them out "
            "(tr -d '\\000' < old.csv > new.csv).",
        )
    for encoding in ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "utf-8-sig":
            notes.append(
                f"'{path.name}' is not UTF-8 and was read as {encoding}: check letters with "
                "accents, or save it in UTF-8."
            )
        return text
    raise AssertionError("latin-1 decodes everything")


def _find_wide_encoding(raw: bytes) -> str:
    """Return the UTF-16 flavour, by its mark or by every other byte of plain letters being NUL."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    head = raw[:2000]
    half = len(head) // 2
    if half and head[1::2].count(0) > 0.9 * half and not head[::2].count(0):
        return "utf-16-le"
    if half and head[::2].count(0) > 0.9 * half and not head[1::2].count(0):
        return "utf-16-be"
    return ""
