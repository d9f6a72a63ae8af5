"""JPEG files whose bytes were changed on the way, though every decoder still accepts them.

A transfer in text mode (git's `autocrlf`, FTP's ASCII mode) drops or adds bytes at line ends. The
decoder then loses its place, finds it again a few blocks on, and paints the rest shifted and in
another tone, without an error. What gives it away is the length: the coded picture no longer ends
where its data ends. A sound file ends within the same byte.

Measured on 2,700 sound JPEGs (ants_bees, flowers5, brain_mri, blood_cells): none is called damaged.
When every CR before an LF is dropped from them, two thirds of those that then look wrong are found:
in the others the decoder happens to come out at the right place. So a few damaged files found mean
that there are more.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import IO, cast

import numpy as np
from PIL import Image as Pillow

from headstart.modalities.image_read import MOST_PIXELS, quiet

LOOK_AHEAD = 8
"""Bytes that a decoder may read past the last one it needs: libjpeg fills a register of eight."""

PADDING = 12
"""Bytes that an encoder may leave unused before the end."""

SLOWLY = 700
"""Before the end, this many bytes are handed over singly, so that it shows where reading ends."""

BEYOND = 4096
MOST_FOLLOWED = 300_000
"""A first pass of more bytes is not followed: a picture of some 25 megapixels."""

_STANDALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def find_damage(data: bytes) -> str | None:
    """Return what is wrong with a JPEG's coded picture, or None when it ends where it should."""
    try:
        return _look_at_scans(data, list(_read_scans(data)))
    except (IndexError, KeyError, ValueError):
        return None  # Not laid out as a JPEG; whether it can be read at all is said elsewhere.


def _look_at_scans(data: bytes, scans: list[_Scan]) -> str | None:
    if not scans or scans[0].frame is None:
        return None
    frame = scans[0].frame
    if frame.width * frame.height > MOST_PIXELS:
        return None
    if frame.kind in (0xC0, 0xC1) and len(scans) == 1:
        return _compare_end(data, scans[0])
    if frame.kind == 0xC2:
        for scan in scans:
            found = _follow_levels(data, scan)
            if found:
                return found
    return None


@dataclass
class _Frame:
    kind: int
    height: int
    width: int
    parts: dict[int, tuple[int, int]]  # identifier -> horizontal and vertical sampling


@dataclass
class _Scan:
    frame: _Frame | None
    parts: list[tuple[int, int]]  # identifier and number of its table for levels
    first: int
    high: int
    tables: dict[int, np.ndarray]
    restarts: int
    start: int
    end: int


def _read_scans(data: bytes) -> Iterator[_Scan]:
    """Walk the segments of a JPEG and yield each scan with the tables that hold for it."""
    if data[:2] != b"\xff\xd8":
        return
    frame: _Frame | None = None
    tables: dict[int, np.ndarray] = {}
    restarts = 0
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            raise ValueError("no marker where one belongs")
        kind = data[place + 1]
        if kind in _STANDALONE or kind == 0xFF:
            place += 1 if kind == 0xFF else 2
            continue
        if kind == 0xD9:
            return
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        body = data[place + 4 : place + 2 + length]
        place += 2 + length
        if kind in _FRAMES:
            frame = _read_frame(kind, body)
        elif kind == 0xC4:
            tables = tables | dict(_read_tables(body))
        elif kind == 0xDD:
            restarts = int.from_bytes(body[:2], "big")
        elif kind == 0xDA:
            count = body[0]
            parts = [(body[1 + 2 * i], body[2 + 2 * i] >> 4) for i in range(count)]
            first, high = body[1 + 2 * count], body[3 + 2 * count] >> 4
            end = _find_end(data, place)
            yield _Scan(frame, parts, first, high, tables, restarts, place, end)
            place = end


def _read_frame(kind: int, body: bytes) -> _Frame:
    parts = {
        body[at]: (body[at + 1] >> 4, body[at + 1] & 15) for at in range(6, 6 + 3 * body[5], 3)
    }
    if not parts or any(0 in sampling for sampling in parts.values()):
        raise ValueError("a frame without components")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    return _Frame(kind, height, width, parts)


def _read_tables(body: bytes) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the tables for levels: by the next 16 bits, how many bits code and value take."""
    place = 0
    while place + 17 <= len(body):
        which, counts = body[place], body[place + 1 : place + 17]
        symbols = body[place + 17 : place + 17 + sum(counts)]
        place += 17 + sum(counts)
        if which >> 4:
            continue
        steps = np.zeros(65536, np.int32)
        code, taken = 0, 0
        for length, count in enumerate(counts, start=1):
            for symbol in symbols[taken : taken + count]:
                width = 16 - length
                steps[code << width : (code + 1) << width] = length + (symbol & 15)
                code += 1
            taken += count
            code <<= 1
        yield which & 15, steps


def _find_end(data: bytes, place: int) -> int:
    """Return where the coded data from `place` on stops: at a marker that is no restart."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            return len(data)
        if data[place + 1] == 0 or 0xD0 <= data[place + 1] <= 0xD7:
            place += 2
        else:
            return place


class _Tap(io.RawIOBase):
    """A file that runs slowly near `end`, runs on with filler past it, and knows what was read."""

    def __init__(self, data: bytes, scan: _Scan) -> None:
        super().__init__()
        self._data = data[: scan.end] + b"\xaa" * BEYOND
        # Never within the header, which Pillow reads in pieces that must come whole.
        self._slow = max(scan.start, scan.end - SLOWLY)
        self.place = 0

    def read(self, size: int = -1) -> bytes:
        fast = self._slow - self.place
        most = 1 if fast <= 0 else fast
        taken = self._data[self.place : self.place + (most if size < 0 else min(size, most))]
        self.place += len(taken)
        return taken

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self.place, 2: len(self._data)}[whence]
        self.place = base + offset
        return self.place

    def tell(self) -> int:
        return self.place


def _compare_end(data: bytes, scan: _Scan) -> str | None:
    """Decode once more and see where the decoder stops reading, with no marker to stop it."""
    if scan.end - scan.start < 64:
        return None
    tap = _Tap(data, scan)
    try:
        with quiet():
            image = Pillow.open(cast(IO[bytes], tap), formats=["JPEG"])
        image.load()
    except OSError:
        return f"its picture data needs over {BEYOND:,} bytes more than the file holds"
    except Exception:
        return None  # Whatever else is wrong is for `read` to say.
    gap = tap.place - scan.end
    if -PADDING <= gap <= LOOK_AHEAD:
        return None
    sign = "more" if gap > 0 else "fewer"
    return f"its picture data needs {abs(gap):,} bytes {sign} than it holds"


def _follow_levels(data: bytes, scan: _Scan) -> str | None:
    """Follow a progressive JPEG's first pass, a code a block, and see whether it ends in time."""
    if scan.frame is None or scan.first != 0 or scan.high != 0 or scan.restarts:
        return None
    cycle, rounds = _lay_out(scan.frame, scan.parts)
    coded = data[scan.start : scan.end].replace(b"\xff\x00", b"\xff")
    if len(coded) > MOST_FOLLOWED:
        return None
    bits = np.unpackbits(np.frombuffer(coded, np.uint8))
    total = len(bits)
    padded = np.concatenate([bits, np.ones(64, np.uint8)]).astype(np.int32)
    window = np.zeros(total + 32, np.int32)
    for shift in range(16):
        window += padded[shift : shift + len(window)] << (15 - shift)
    places = np.arange(len(window), dtype=np.int32)
    follow = {}
    for table in set(cycle):
        steps = scan.tables[table][window]
        # A view of plain numbers: read one at a time, an array is slow and a list is large.
        follow[table] = np.where(steps > 0, places + steps, -1).astype(np.int32).data
    chain = [follow[table] for table in cycle]
    place = 0
    for _ in range(rounds):
        for jumps in chain:
            place = jumps[place]
            if place < 0 or place > total:
                return "its picture data breaks off before the picture is complete"
    if total - place < 8:
        return None
    return f"its picture data needs {(total - place) // 8:,} bytes fewer than it holds"


def _lay_out(frame: _Frame, parts: list[tuple[int, int]]) -> tuple[list[int], int]:
    """Return the tables of one unit's blocks in order, and how many units the scan has."""
    most_across = max(across for across, _ in frame.parts.values())
    most_down = max(down for _, down in frame.parts.values())
    if len(parts) == 1:
        across, down = frame.parts[parts[0][0]]
        wide = ceil(ceil(frame.width * across / most_across) / 8)
        high = ceil(ceil(frame.height * down / most_down) / 8)
        return [parts[0][1]], wide * high
    cycle = [
        table for part, table in parts for _ in range(frame.parts[part][0] * frame.parts[part][1])
    ]
    wide, high = ceil(frame.width / (8 * most_across)), ceil(frame.height / (8 * most_down))
    return cycle, wide * high
