"""Whether the whole of a sound's file is there, by what the file itself announces.

Decoders take what they get of most formats: a download that broke off is heard as a shorter sound,
and the one for MP3 says so on the terminal, past everybody. So a file is looked at before.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

UNKNOWN_SIZES = (0, 0x7FFFFFFF, 0xFFFFFFFF)
"""What programs that cannot seek back write in place of a file's length."""

HEAD = 4096
LARGEST_PAGE = 27 + 255 + 255 * 255
"""Bytes of an Ogg page, header included."""

ROUGHLY = 0.01
"""MP3 files state their length with or without what stands around the sound: a cover, a title."""


def bytes_missing(file: BinaryIO, size: int) -> int:
    """Return how many of a file's bytes are missing; 0 where none is, or nothing says so.

    `size` is how many there are. The file is left where it was.
    """
    before = file.tell()
    try:
        file.seek(0)
        head = file.read(HEAD)
        end = next((end for magic, end in _ENDS if head.startswith(magic)), None)
        return max(0, end(file, head, size) - size) if end else 0
    except struct.error:  # cut within its header, which the decoder will say
        return 0
    finally:
        file.seek(before)


def _wav(file: BinaryIO, head: bytes, size: int) -> int:
    if head[8:12] != b"WAVE":
        return 0
    at, long = 12, None
    while at + 8 <= len(head):
        kind, length = head[at : at + 4], struct.unpack_from("<I", head, at + 4)[0]
        if kind == b"ds64":
            long = struct.unpack_from("<Q", head, at + 16)[0]
        if kind == b"data" and long is not None:
            return int(at + 8 + long) if long else 0
        if kind == b"data":
            return 0 if length in UNKNOWN_SIZES else int(at + 8 + length)
        at += 8 + length + length % 2
    return 0


def _aiff(file: BinaryIO, head: bytes, size: int) -> int:
    length = struct.unpack_from(">I", head, 4)[0]
    return 0 if length in UNKNOWN_SIZES else int(8 + length)


def _au(file: BinaryIO, head: bytes, size: int) -> int:
    start, length = struct.unpack_from(">II", head, 4)
    return 0 if length in UNKNOWN_SIZES else int(start + length)


def _w64(file: BinaryIO, head: bytes, size: int) -> int:
    return int(struct.unpack_from("<Q", head, 16)[0])


def _ogg(file: BinaryIO, head: bytes, size: int) -> int:
    """Return where the last page ends, whose header says how long it is."""
    start = max(0, size - LARGEST_PAGE)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0:
        return 0
    if at + 27 > len(tail):
        return size + 1
    count = tail[at + 26]
    lengths = tail[at + 27 : at + 27 + count]
    return start + at + 27 + count + sum(lengths) + (len(lengths) < count)


def _mp3(file: BinaryIO, head: bytes, size: int) -> int:
    """Return where the sound ends by the count of bytes in its first frame, if that has one."""
    start = 0
    if head.startswith(b"ID3"):
        for byte in head[6:10]:
            start = start << 7 | byte & 127
        start += 10
        file.seek(start)
        head = file.read(HEAD)
    at = max(head[:64].find(b"Xing"), head[:64].find(b"Info"))
    if at < 0:
        return 0
    flags = struct.unpack_from(">I", head, at + 4)[0]
    if not flags & 2:
        return 0
    length = struct.unpack_from(">I", head, at + 8 + (4 if flags & 1 else 0))[0]
    end = start + length
    return int(end) if end - size > ROUGHLY * length else 0


_End = Callable[[BinaryIO, bytes, int], int]
_ENDS: tuple[tuple[bytes, _End], ...] = (
    (b"RIFF", _wav),
    (b"RF64", _wav),
    (b"FORM", _aiff),
    (b".snd", _au),
    (b"riff", _w64),
    (b"OggS", _ogg),
    (b"ID3", _mp3),
    *((b"\xff" + bytes([kind]), _mp3) for kind in (0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2)),
)
