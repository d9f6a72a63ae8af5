"""Segments: the files that the store's shelves are made of, written whole and never changed after.

A segment is a safetensors file of per-sample arrays by name. Samples of one shape are stacked;
where the first dimension differs (texts, sounds) they are laid end to end beside their offsets, so
no padding is kept.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.matrix import let_go

Arrays = Mapping[str, np.ndarray]

OFFSETS = "@offsets"
KEYS = "@keys"

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
        self.keys = [bytes(row).hex() for row in self._arrays.pop(KEYS)]

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

    def rows(self, name: str, indices: Sequence[int]) -> np.ndarray:
        """Return one named array of several samples as a matrix in memory, end to end."""
        array = self._arrays[name]
        if name + OFFSETS in self._arrays:
            array = np.concatenate([self.row(index)[name] for index in indices])
        else:
            array = array[indices]
            array = array.reshape(-1, array.shape[-1])
        let_go(self._map)
        return array


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
