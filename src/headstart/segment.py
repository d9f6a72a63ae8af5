"""Segments: the files that the store's shelves are made of, written whole and never changed after.

A segment is a safetensors file of per-sample arrays by name. Samples of one shape are stacked;
where the first dimension differs (texts, sounds) they are laid end to end beside their offsets, so
no padding is kept. An `Index` finds samples in many segments by their keys, which stay on the disk.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.matrix import let_go

Arrays = Mapping[str, np.ndarray]

OFFSETS = "@offsets"
KEYS = "@keys"
HEAD = 8
AT_ONCE = 1 << 16

_DTYPES: dict[str, np.dtype[Any]] = {
    "U8": np.dtype(np.uint8),
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "BOOL": np.dtype(np.bool_),
}


class Segment:
    """One finished file, memory-mapped. Anything not whole is refused with ValueError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > size:
                raise ValueError("header longer than the file")
            header = json.loads(file.read(length))
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header.pop("__metadata__", None)
        start = 8 + length
        if start + max(entry["data_offsets"][1] for entry in header.values()) != size:
            raise ValueError("the file is cut short")
        data = np.frombuffer(self._map, np.uint8)
        self._arrays: dict[str, np.ndarray] = {}
        for name, entry in header.items():
            low, high = (start + at for at in entry["data_offsets"])
            flat = data[low:high].view(_DTYPES[entry["dtype"]])
            self._arrays[name] = flat.reshape(entry["shape"])
        self._keys = self._arrays.pop(KEYS)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> list[str]:
        """Return the keys of its samples, in order."""
        return [bytes(row).hex() for row in self._keys]

    @property
    def heads(self) -> np.ndarray:
        """Return the beginnings of the keys as numbers."""
        return _heads(self._keys)

    def has(self, indices: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return whether the samples at some indices have these keys."""
        same = keys.shape[1] == self._keys.shape[1]
        return (self._keys[indices] == keys).all(1) if same else np.zeros(len(keys), bool)

    def row(self, index: int) -> dict[str, np.ndarray]:
        """Return the arrays of one sample, as views on the file."""
        found = {}
        for name, array in self._arrays.items():
            if name.endswith(OFFSETS):
                continue
            offsets = self._arrays.get(name + OFFSETS)
            found[name] = (
                array[index] if offsets is None else array[offsets[index] : offsets[index + 1]]
            )
        return found

    def rows(self, name: str, indices: np.ndarray) -> np.ndarray:
        """Return one named array of several samples as a matrix in memory, end to end."""
        array = self._arrays[name]
        if name + OFFSETS in self._arrays:
            array = np.concatenate([self.row(int(index))[name] for index in indices])
        else:
            array = array[indices]
            array = array.reshape(-1, array.shape[-1])
        let_go(self._map)
        return array


class Index:
    """Where samples lie in many segments: sixteen bytes each, whatever their number.

    Segments come one by one. Their keys' heads are kept in a few sorted runs, short ones joined
    into longer ones, so that there are never many to look into.
    """

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._runs: list[tuple[np.ndarray, ...]] = []

    def __len__(self) -> int:
        return sum(map(len, self._segments))

    def add(self, segment: Segment) -> None:
        """Take in a segment's samples."""
        heads = segment.heads
        indices = np.arange(len(heads), dtype=np.int32)
        run: tuple[np.ndarray, ...] = (heads, np.full_like(indices, len(self._segments)), indices)
        self._segments.append(segment)
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            longer = self._runs.pop()
            run = tuple(np.concatenate(pair) for pair in zip(longer, run, strict=True))
        order = np.argsort(run[0], kind="stable")
        self._runs.append(tuple(each[order] for each in run))

    def locate(self, key: str) -> tuple[int, int]:
        """Return which segment a key's sample lies in (-1: none), and at which index."""
        asked = np.frombuffer(bytes.fromhex(key), np.uint8)[None]
        (head,) = _heads(asked)
        for heads, numbers, indices in self._runs:
            at = int(heads.searchsorted(head))
            # Two keys with one head are next to impossible, and all the same told apart.
            while at < len(heads) and heads[at] == head:
                if self._segments[numbers[at]].has(indices[at : at + 1], asked)[0]:
                    return int(numbers[at]), int(indices[at])
                at += 1
        return -1, 0

    def row(self, key: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a key's sample, as views on the file, or None."""
        number, index = self.locate(key)
        return None if number < 0 else self._segments[number].row(index)

    def find(self, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return what `locate` does for many keys: the segments and the indices."""
        found = np.full((2, len(keys)), -1, np.int32)
        for start in range(0, len(keys), AT_ONCE):
            part = keys[start : start + AT_ONCE]
            asked = np.frombuffer(bytes.fromhex("".join(part)), np.uint8).reshape(len(part), -1)
            wanted, own = _heads(asked), found[:, start : start + AT_ONCE]
            for heads, numbers, indices in self._runs:
                at = heads.searchsorted(wanted).clip(max=len(heads) - 1)
                rows = np.flatnonzero((heads[at] == wanted) & (own[0] < 0))
                own[:, rows] = numbers[at[rows]], indices[at[rows]]
            for segment, rows in self.by_segment(own[0]):
                for row in rows[~segment.has(own[1, rows], asked[rows])]:
                    own[:, row] = self.locate(part[row])
        return found[0], found[1]

    def by_segment(self, numbers: np.ndarray) -> Iterator[tuple[Segment, np.ndarray]]:
        """Yield each segment with the positions of the samples that lie in it."""
        order = np.argsort(numbers, kind="stable")
        found, starts = np.unique(numbers[order], return_index=True)
        for number, start, end in zip(found, starts, [*starts[1:], len(order)], strict=True):
            if number >= 0:
                yield self._segments[number], order[start:end]


def _heads(keys: np.ndarray) -> np.ndarray:
    """Return the first eight bytes of each key as a number."""
    heads = np.zeros((len(keys), HEAD), np.uint8)
    heads[:, : keys.shape[1]] = keys[:, :HEAD]
    return heads.view(np.uint64)[:, 0]


def pack(rows: Sequence[Arrays], keys: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the arrays of a segment that holds these samples under these keys."""
    packed = {KEYS: np.frombuffer(bytes.fromhex("".join(keys)), np.uint8).reshape(len(keys), -1)}
    for name in rows[0]:
        arrays = [np.asarray(row[name]) for row in rows]
        if len({array.shape for array in arrays}) == 1:
            packed[name] = np.stack(arrays)
        else:
            lengths = [len(array) for array in arrays]
            packed[name] = np.concatenate(arrays)
            packed[name + OFFSETS] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    # numpy keeps the axes of transposed arrays as they lie; safetensors writes memory as it lies.
    return {name: np.ascontiguousarray(array) for name, array in packed.items()}
