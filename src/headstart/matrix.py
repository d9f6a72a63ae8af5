"""Matrices that may be larger than memory: rows are taken out as copies, and the rest stays put."""

from __future__ import annotations

import mmap
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

MEMORY_BYTES = 256 << 20
"""A matrix past this size lives in a file that is memory-mapped instead of in memory."""


def let_go(mapped: mmap.mmap) -> None:
    """Give the pages of a mapped file back to the system, which keeps them while it has room.

    Nothing is lost, and they come back when they are asked for; but a pass over a large file no
    longer counts as memory of this process.
    """
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


class OnDisk(np.memmap):
    """A matrix in an unnamed file that ends with it. What is taken out of it is a copy."""

    def __getitem__(self, index: Any) -> Any:
        """Return some rows in memory, and let go of the pages that they came from."""
        whole = np.asarray(self)
        rows = whole[index]
        if isinstance(rows, np.ndarray) and np.may_share_memory(rows, whole):
            rows = rows.copy()
        self.let_go()
        return rows

    def let_go(self) -> None:
        """Give the pages that were read or written back to the system."""
        let_go(self._mmap)  # type: ignore[attr-defined]


def spacious(
    shape: tuple[int, ...], dtype: np.dtype[Any], folder: Path, within: int | None = None
) -> np.ndarray:
    """Return an empty array: in memory up to `within` bytes, else in a file below `folder`."""
    if int(np.prod(shape)) * dtype.itemsize <= (MEMORY_BYTES if within is None else within):
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(dir=folder) as file:
        return OnDisk(file, dtype=dtype, mode="w+", shape=shape)
