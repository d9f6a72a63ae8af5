"""Activations, computed once: content-addressed, memory-mapped, safe to share and to kill.

A *shelf* holds one kind of result (say, the readings of one backbone at one precision); its name is
the hash of what it describes, so other weights or other preprocessing are another shelf. On a shelf
lie *segments*: safetensors files, written under a temporary name, renamed when whole and never
changed after. Two processes that compute the same thing write two segments and neither harms
the other; a process that is killed leaves a temporary file that nobody reads.

Rows are per-sample arrays by name. Samples of one shape are stacked; where the first dimension
differs (texts, sounds) it is laid end to end beside its offsets, so no padding is kept.
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

Arrays = Mapping[str, np.ndarray]

SEGMENT_BYTES = 32 << 20
"""A segment is written when this much is waiting: what a `kill -9` can lose at most."""

DEFAULT_LIMIT = 20 << 30
STALE_SECONDS = 3600
MANY_SEGMENTS = 24
OFFSETS = "@offsets"
KEYS = "@keys"


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
        header.pop("__metadata__", None)
        start = 8 + length
        if start + max(entry["data_offsets"][1] for entry in header.values()) != size:
            raise ValueError("the file is cut short")
        data = np.memmap(path, dtype=np.uint8, mode="r")
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


_DTYPES: dict[str, np.dtype[Any]] = {
    "U8": np.dtype(np.uint8),
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "I32": np.dtype(np.int32),
    "I64": np.dtype(np.int64),
    "BOOL": np.dtype(np.bool_),
}


def _pack(rows: Sequence[Arrays], keys: Sequence[str]) -> dict[str, np.ndarray]:
    packed = {KEYS: np.frombuffer(bytes.fromhex("".join(keys)), np.uint8).reshape(len(keys), -1)}
    for name in rows[0]:
        arrays = [np.asarray(row[name]) for row in rows]
        if len({array.shape for array in arrays}) == 1:
            packed[name] = np.stack(arrays)
        else:
            lengths = [len(array) for array in arrays]
            packed[name] = np.concatenate(arrays)
            packed[name + OFFSETS] = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return packed


class Shelf:
    """All stored rows of one kind: opened by what describes it, read and written by sample key."""

    def __init__(self, about: Mapping[str, Any], root: Path | None = None) -> None:
        self.about = dict(about)
        text = json.dumps(self.about, sort_keys=True)
        self.folder = (root or places.store()) / hashlib.sha256(text.encode()).hexdigest()[:32]
        self._segments: dict[Path, Segment] = {}
        self._where: dict[str, tuple[Segment, int]] = {}
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
            for index, key in enumerate(segment.keys):
                self._where.setdefault(key, (segment, index))
        with suppress(OSError):
            os.utime(self.folder)

    def __contains__(self, key: str) -> bool:
        return key in self._where or key in self._waiting

    def __len__(self) -> int:
        return len(self._where)

    def get(self, key: str) -> Mapping[str, np.ndarray]:
        """Return the arrays stored for a sample; KeyError when there are none."""
        if key in self._waiting:
            return self._waiting[key]
        segment, index = self._where[key]
        return segment.row(index)

    def put(self, key: str, arrays: Arrays) -> None:
        """Add one sample's arrays; they reach the disk with the next full segment or `flush`."""
        if key in self:
            return
        self._waiting[key] = {name: np.array(array) for name, array in arrays.items()}
        self._bytes += sum(array.nbytes for array in arrays.values())
        if self._bytes >= SEGMENT_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting as one finished segment."""
        if not self._waiting:
            return
        keys = list(self._waiting)
        self._write(_pack([self._waiting[key] for key in keys], keys))
        self._waiting, self._bytes = {}, 0
        self.refresh()

    def _write(self, packed: Mapping[str, np.ndarray]) -> Path:
        from safetensors.numpy import save_file

        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        temporary = self.folder / f".{name}.tmp"
        final = self.folder / f"{name}.safetensors"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            about = self.folder / "about.json"
            if not about.exists():
                draft = self.folder / f".{name}.json.tmp"
                draft.write_text(json.dumps(self.about, indent=1, sort_keys=True))
                draft.replace(about)
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
        """Merge many small segments into one, and sweep away what killed processes left."""
        small = [s for s in self._segments.values() if s.path.stat().st_size < SEGMENT_BYTES // 4]
        if len(small) > MANY_SEGMENTS:
            keys = [key for segment in small for key in segment.keys]
            rows = [segment.row(i) for segment in small for i in range(len(segment.keys))]
            self._write(_pack(rows, keys))
            for segment in small:
                with suppress(OSError):
                    segment.path.unlink()
                del self._segments[segment.path]
            self._where = {}
            for segment in self._segments.values():
                self._where.update({key: (segment, i) for i, key in enumerate(segment.keys)})
            self.refresh()
        if self.folder.is_dir():
            for path in self.folder.glob(".*.tmp"):
                with suppress(OSError):
                    if time.time() - path.stat().st_mtime > STALE_SECONDS:
                        path.unlink()

    def gather(self, name: str, keys: Sequence[str]) -> np.ndarray:
        """Return one named array for many samples as a matrix, on disk when it is large."""
        if any(key not in self for key in keys):
            self.refresh()
        first = self.get(keys[0])[name]
        shape = (len(keys), *first.shape)
        matrix = spacious(shape, first.dtype, self.folder)
        for row, key in enumerate(keys):
            matrix[row] = self.get(key)[name]
        return matrix


MEMORY_BYTES = 256 << 20
"""Matrices past this size live in a file that is memory-mapped instead of in memory."""


def spacious(shape: tuple[int, ...], dtype: np.dtype[Any], folder: Path) -> np.ndarray:
    """Return an empty array: in memory when small, else in an unnamed file that ends with it."""
    if int(np.prod(shape)) * dtype.itemsize <= MEMORY_BYTES:
        return np.empty(shape, dtype)
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return np.memmap(file, dtype=dtype, mode="w+", shape=shape)
    except OSError as error:
        raise _storage_error(error, folder) from error


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
    for position, key in enumerate(keys):
        if any(key not in shelf for shelf in shelves):
            wanted.setdefault(key, position)
    computed = 0
    try:
        for position, rows in produce(list(wanted.values())):
            for shelf, arrays in zip(shelves, rows, strict=True):
                shelf.put(keys[position], arrays)
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
