"""Activations, computed once: content-addressed, memory-mapped, safe to share and to kill.

A *shelf* holds one kind of result (say, the readings of one backbone at one precision); its name is
the hash of what it describes, so other weights or other preprocessing are another shelf. On a shelf
lie *segments*: safetensors files, written under a temporary name, renamed when whole and never
changed after. Two processes that compute the same thing write two segments and neither harms
the other; a process that is killed leaves a temporary file that nobody reads.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from headstart import places
from headstart.errors import StorageError, UserError
from headstart.matrix import OnDisk, spacious
from headstart.segment import Arrays, Index, Segment, pack

SEGMENT_BYTES = 32 << 20
"""A segment is written when this much is waiting: what a `kill -9` can lose at most."""

DEFAULT_LIMIT = 20 * 10**9
STALE_SECONDS = 3600
MANY_SEGMENTS = 24


def _storage_error(error: OSError, folder: Path) -> StorageError:
    if error.errno == errno.ENOSPC:
        return StorageError(
            f"The disk is full: nothing more can be written to {folder}.",
            "Free some space, run `headstart cache empty`, or set HEADSTART_HOME to a larger disk.",
        )
    return StorageError(
        f"{folder} cannot be written to ({error.strerror or error}).",
        "Set HEADSTART_HOME to a folder that you may write to.",
    )


class Shelf:
    """All stored rows of one kind: opened by what describes it, read and written by sample key."""

    def __init__(self, about: Mapping[str, Any], root: Path | None = None) -> None:
        self.about = dict(about)
        text = json.dumps(self.about, sort_keys=True)
        self.folder = (root or places.store()) / hashlib.sha256(text.encode()).hexdigest()[:32]
        self._segments: dict[Path, Segment] = {}
        self._index = Index()
        self._waiting: dict[str, Arrays] = {}
        self._bytes = 0
        self.refresh()

    def refresh(self) -> None:
        """Look for segments that other processes have finished since; drop what is broken."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.safetensors")):
            if path in self._segments:
                continue
            try:
                segment = Segment(path)
            except FileNotFoundError:
                continue
            except (ValueError, KeyError, OSError):
                # A damaged segment is only a cache entry: remove it and compute again.
                with suppress(OSError):
                    path.unlink()
                continue
            self._segments[path] = segment
            self._index.add(segment)
        with suppress(OSError):
            os.utime(self.folder)

    def __contains__(self, key: str) -> bool:
        return key in self._waiting or self._index.locate(key)[0] >= 0

    def __len__(self) -> int:
        return len(self._index)

    def lacks(self, keys: Sequence[str]) -> np.ndarray:
        """Return for each key whether nothing is stored for it."""
        missing = self._index.find(keys)[0] < 0
        for at in np.flatnonzero(missing).tolist() if self._waiting else ():
            missing[at] = keys[at] not in self._waiting
        return missing

    def get(self, key: str) -> Mapping[str, np.ndarray]:
        """Return the arrays stored for a sample; KeyError when there are none."""
        if key in self._waiting:
            return self._waiting[key]
        if (row := self._index.row(key)) is None:
            raise KeyError(key)
        return row

    def put(self, key: str, arrays: Arrays) -> bool:
        """Add one sample's arrays; they reach the disk with the next full segment or `flush`.

        Tells whether that filled a segment, so that all that waited is on the disk.
        """
        if key in self:
            return False
        self._waiting[key] = {name: np.array(array) for name, array in arrays.items()}
        self._bytes += sum(array.nbytes for array in arrays.values())
        if self._bytes < SEGMENT_BYTES:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Write what is waiting as one finished segment."""
        if not self._waiting:
            return
        keys = list(self._waiting)
        self._write(pack([self._waiting[key] for key in keys], keys))
        self._waiting, self._bytes = {}, 0
        self.refresh()

    def claim(self) -> None:
        """Make the shelf's folder, or say why nothing can be kept there; asked before long work."""
        about = self.folder / "about.json"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not about.exists():
                draft = self.folder / f".{secrets.token_hex(8)}.json.tmp"
                draft.write_text(json.dumps(self.about, indent=1, sort_keys=True))
                draft.replace(about)
        except OSError as error:
            raise _storage_error(error, self.folder) from error

    def _write(self, packed: Mapping[str, np.ndarray]) -> Path:
        from safetensors.numpy import save_file

        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        temporary = self.folder / f".{name}.tmp"
        final = self.folder / f"{name}.safetensors"
        self.claim()
        try:
            save_file(dict(packed), temporary)
            temporary.replace(final)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            raise _storage_error(error, self.folder) from error
        except Exception as error:  # safetensors wraps disk errors in its own type
            with suppress(OSError):
                temporary.unlink()
            if "os error" in str(error).lower() or "no space" in str(error).lower():
                full = errno.ENOSPC if "28" in str(error) else errno.EIO
                raise _storage_error(OSError(full, str(error)), self.folder) from error
            raise
        return final

    def tidy(self) -> None:
        """Merge many small segments into few, and sweep away what killed processes left."""
        sizes = {segment: _size(segment.path) for segment in self._segments.values()}
        small = [segment for segment, size in sizes.items() if 0 < size < SEGMENT_BYTES // 4]
        if len(small) > MANY_SEGMENTS:
            lot: list[Segment] = []
            for segment in small:
                lot.append(segment)
                # One lot at a time is all that is held in memory.
                if segment is small[-1] or sum(sizes[each] for each in lot) >= SEGMENT_BYTES:
                    self._merge(lot)
                    lot = []
            self._index = Index()
            for segment in self._segments.values():
                self._index.add(segment)
            self.refresh()
        if self.folder.is_dir():
            for path in self.folder.glob(".*.tmp"):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > STALE_SECONDS:
                        path.unlink()

    def _merge(self, lot: Sequence[Segment]) -> None:
        keys = [key for segment in lot for key in segment.keys]
        rows = [segment.row(i) for segment in lot for i in range(len(segment))]
        self._write(pack(rows, keys))
        for segment in lot:
            with suppress(OSError):
                segment.path.unlink()
            del self._segments[segment.path]

    def gather(self, name: str, keys: Sequence[str], within: int | None = None) -> np.ndarray:
        """Return one named array for many samples as a matrix, on disk past `within` bytes.

        A vector is a row of it, and a matrix (of a sample with several rows) as many as it has.
        """
        self._look_for(keys)
        ends = self._ends(name, keys)
        first = self.get(keys[0])[name]
        matrix = self._room((int(ends[-1]), first.shape[-1]), first.dtype, within)
        self._copy(name, keys, matrix, ends)
        return matrix

    def gather_beside(self, names: Sequence[str], keys: Sequence[str]) -> np.ndarray:
        """Return several named arrays for many samples side by side, as `gather` returns one."""
        self._look_for(keys)
        ends, first = self._ends(names[0], keys), self.get(keys[0])
        widths = np.cumsum([first[name].shape[-1] for name in names]).tolist()
        matrix = self._room((int(ends[-1]), widths[-1]), first[names[0]].dtype, None)
        for name, width in zip(names, widths, strict=True):
            columns = slice(width - first[name].shape[-1], width)
            self._copy(name, keys, matrix, ends, columns)
        return matrix

    def _ends(self, name: str, keys: Sequence[str]) -> np.ndarray:
        """Return where each sample's rows end."""
        if self.get(keys[0])[name].ndim == 1:
            return np.arange(1, len(keys) + 1)
        return np.cumsum([len(self.get(key)[name]) for key in keys])

    def _look_for(self, keys: Sequence[str]) -> None:
        self.flush()
        if self.lacks(keys).any():
            self.refresh()

    def _room(self, shape: tuple[int, ...], dtype: np.dtype[Any], within: int | None) -> np.ndarray:
        try:
            return spacious(shape, dtype, self.folder, within)
        except OSError as error:
            raise _storage_error(error, self.folder) from error

    def _copy(
        self,
        name: str,
        keys: Sequence[str],
        matrix: np.ndarray,
        ends: np.ndarray,
        columns: slice = slice(None),
    ) -> None:
        """Copy a named array of samples into rows of a matrix, segment by segment."""
        numbers, indices = self._index.find(keys)
        if (numbers < 0).any():
            raise KeyError(keys[int(numbers.argmin())])
        starts = np.concatenate([[0], ends[:-1]])
        for segment, samples in self._index.by_segment(numbers):
            rows = np.concatenate([np.arange(starts[at], ends[at]) for at in samples])
            matrix[rows, columns] = segment.rows(name, indices[samples])
            if isinstance(matrix, OnDisk):
                matrix.let_go()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process has merged it
        return 0


def fill(
    shelves: Sequence[Shelf],
    keys: Sequence[str],
    produce: Callable[[list[int]], Iterator[tuple[int, Sequence[Arrays]]]],
) -> int:
    """Compute what is missing on any of the shelves; return how many samples had to be computed.

    `produce` gets the positions of the samples that some shelf lacks and yields, for each that
    could be read, its position and one set of arrays a shelf.
    """
    wanted: dict[str, int] = {}
    for position in np.flatnonzero(np.any([shelf.lacks(keys) for shelf in shelves], 0)).tolist():
        wanted.setdefault(keys[position], position)
    if wanted:
        for shelf in shelves:
            shelf.claim()
    computed = 0
    try:
        for position, rows in produce(list(wanted.values())):
            full = [
                shelf.put(keys[position], arrays)
                for shelf, arrays in zip(shelves, rows, strict=True)
            ]
            if any(full):
                # A sample is done when every shelf has it, so they are written together.
                for shelf in shelves:
                    shelf.flush()
            computed += 1
    finally:
        # Also when interrupted: what is computed is kept, and the next run picks up from it.
        for shelf in shelves:
            shelf.flush()
    if computed:
        for shelf in shelves:
            shelf.tidy()
        trim({shelf.folder for shelf in shelves})
    return computed


def usage(root: Path | None = None) -> list[dict[str, Any]]:
    """Return what the store holds: one record a shelf with what it is, its size and last use."""
    root = root or places.store()
    found: list[dict[str, Any]] = []
    for folder in sorted(root.glob("*")) if root.is_dir() else []:
        if not folder.is_dir():
            continue
        try:
            about = json.loads((folder / "about.json").read_text())
        except (OSError, ValueError):
            about = {}
        size, files = 0, 0
        for path in folder.iterdir():
            with suppress(OSError):
                size += path.stat().st_size
                files += path.suffix == ".safetensors"
        found.append(
            {
                "shelf": folder.name,
                "about": about,
                "bytes": size,
                "segments": files,
                "used": folder.stat().st_mtime,
            }
        )
    return found


def empty(root: Path | None = None) -> int:
    """Delete everything in the store; return how many bytes that freed."""
    root = root or places.store()
    freed: int = sum(record["bytes"] for record in usage(root))
    shutil.rmtree(root, ignore_errors=True)
    return freed


def _settings() -> Path:
    return places.home() / "settings.json"


def limit() -> int:
    """Return how many bytes the store may hold."""
    try:
        return int(json.loads(_settings().read_text())["store_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return DEFAULT_LIMIT


def set_limit(size: int) -> None:
    """Set how many bytes the store may hold, from now on; what is too much goes at once."""
    if size < 0:
        raise UserError(
            f"A store cannot hold {size} bytes.", "Give a size such as 500M, 2G or 20G."
        )
    path = _settings()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.write_text(json.dumps({"store_bytes": size}))
        draft.replace(path)
    except OSError as error:
        raise _storage_error(error, path.parent) from error
    trim(set())


def trim(in_use: set[Path], root: Path | None = None) -> None:
    """Delete the least recently used shelves until the store is within its limit.

    Shelves in use stay: a run always keeps what it stands on, even when that alone is too much.
    """
    root = root or places.store()
    records = usage(root)
    total, allowed = sum(record["bytes"] for record in records), limit()
    for record in sorted(records, key=lambda record: record["used"]):
        if total <= allowed:
            return
        folder = root / record["shelf"]
        if folder not in in_use:
            shutil.rmtree(folder, ignore_errors=True)
            total -= record["bytes"]
