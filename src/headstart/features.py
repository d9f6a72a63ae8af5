"""One pass over the data: decode, sketch and forward; what it gives goes to the store.

The frozen part of a backbone is a pure function of a sample, so what it gives is asked of the
store first and computed only where it is missing. Decoding runs in threads (the decoders release
the interpreter's lock).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch

from headstart import __version__, devices
from headstart import store as stores
from headstart.backbones.base import ROWS, Backbone
from headstart.errors import UnreadableInput
from headstart.heads import Reading
from headstart.matrix import MEMORY_BYTES
from headstart.memory import enough_memory
from headstart.modalities.base import Arrays, Modality
from headstart.modalities.lengths import batched
from headstart.precision import at_precision, cast, choose
from headstart.progress import Progress, Silent
from headstart.schema import InputSpec, Sample, Unreadable
from headstart.store import Shelf

BATCH = 32
READ_AT_MOST = 6
"""How many boundaries are read: enough to tell early from middle from late, few enough that a deep
transformer's readings stay smaller than its inputs."""

Readings = dict[Reading, np.ndarray]
"""What was read off one example, or off a batch, by boundary and name: a vector, or a matrix.

Of an example that is asked about row by row it is a matrix too.
"""

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Survey:
    """What one pass over the data found: the samples that can be read, and where their rows lie."""

    samples: tuple[Sample, ...]
    set_aside: tuple[Unreadable, ...]
    shelf: Shelf
    sketches: Shelf
    precision: str
    computed: int
    seconds: float


def boundaries_read(depth: int) -> list[int]:
    """Return the boundaries whose readings are kept: all of a shallow net, some of a deep one."""
    if depth <= READ_AT_MOST:
        return list(range(1, depth + 1))
    return sorted({round(depth * (step + 1) / READ_AT_MOST) for step in range(READ_AT_MOST)})


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ahead(work: Callable[[In], Out], items: Sequence[In], window: int) -> Iterator[Out]:
    """Map in threads, in order, at most `window` results ahead of the reader: memory is bounded."""
    with ThreadPoolExecutor(cores()) as pool:
        waiting: deque[Future[Out]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= window:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def in_turns(work: Callable[[In], Out], items: Sequence[In], size: int) -> Iterator[list[Out]]:
    """Map in threads, a batch at a time, standing still while the reader works on a batch.

    Decoding and the forward pass so take turns on all cores. Side by side they would be slower: a
    matrix product waits for its slowest thread, and decoders hold the cores.
    """
    with ThreadPoolExecutor(cores()) as pool:
        for at in range(0, len(items), size):
            yield list(pool.map(work, items[at : at + size]))


def identify(
    samples: Sequence[Sample], modality: Modality
) -> tuple[list[Sample], list[Unreadable]]:
    """Give every sample the hash of its content as its key; set aside what cannot be opened.

    A sample that has its key already was read in this run, and is not read again for it.
    """

    def one(sample: Sample) -> Sample | Unreadable:
        if sample.key:
            return sample
        try:
            return replace(sample, key=modality.fingerprint(sample.input))
        except UnreadableInput as error:
            return Unreadable(sample.name, error.message)

    found = list(ahead(one, samples, 256))
    return (
        [each for each in found if isinstance(each, Sample)],
        [each for each in found if isinstance(each, Unreadable)],
    )


def forward_readings(
    backbone: Backbone, state: Mapping[str, torch.Tensor], precision: str, wanted: set[int]
) -> Readings:
    """Run a batch once through the frozen stages and read it at the wanted boundaries."""
    found: Readings = {}
    with torch.inference_mode():
        current = cast(dict(state), precision)
        for boundary in range(1, max(wanted) + 1):
            current = backbone(current, boundary - 1, boundary)
            if boundary in wanted:
                for name, vectors in backbone.read(current, boundary).items():
                    found[boundary, name] = vectors.float().numpy()
    return found


def forward_all(
    turns: Iterable[Sequence[tuple[In, list[Arrays]]]],
    modality: Modality,
    backbone: Backbone,
    precision: str,
    wanted: set[int],
) -> Iterator[list[tuple[In, Readings]]]:
    """Run examples, which come in turns as their windows, and yield their readings, in order.

    As many come at a time as were needed so that those of like length share a batch. The readings
    of several windows are averaged, each window counting by its length; rows stand one after the
    other.
    """

    def windows() -> Iterator[list[tuple[tuple[int, int], Arrays]]]:
        for turn in turns:
            first = len(waiting)
            waiting.extend((name, {}) for name, _ in turn)
            yield [
                ((at, number), part)
                for at, (_, parts) in enumerate(turn, first)
                for number, part in enumerate(parts)
            ]

    waiting: list[tuple[In, dict[int, tuple[int, Readings]]]] = []
    for batches in batched(windows()):
        for batch in batches:
            state = modality.collate([part for _, part in batch], backbone.spec)
            found = forward_readings(backbone, state, precision, wanted)
            end = 0
            for row, ((at, number), part) in enumerate(batch):
                length = len(part["mask"]) if "mask" in part else 1
                start, end = end, end + int(part[ROWS].sum()) if ROWS in part else 0
                own: slice | int = slice(start, end) if ROWS in part else row
                rows = {reading: vectors[own] for reading, vectors in found.items()}
                waiting[at][1][number] = (length, rows)
        done, waiting[:] = [(name, _pool(parts)) for name, parts in waiting], []
        if done:
            yield done


def _pool(windows: Mapping[int, tuple[int, Readings]]) -> Readings:
    """Put what was read of an example's windows together: rows in order, others on average."""
    parts = [windows[number] for number in sorted(windows)]
    if len(parts) == 1:
        return parts[0][1]
    weights = np.array([length for length, _ in parts], np.float64)
    pooled = {}
    for reading, first in parts[0][1].items():
        each = [rows[reading] for _, rows in parts]
        pooled[reading] = (
            np.concatenate(each)
            if first.ndim == 2
            else np.average(each, axis=0, weights=weights).astype(first.dtype)
        )
    return pooled


def reading_name(reading: Reading) -> str:
    """Return the name that a reading is stored under."""
    return f"{reading[0]}.{reading[1]}"


def asked_of(samples: Sequence[Sample]) -> dict[str, str]:
    """Return how inputs are asked about, where that is not as a whole: part of a shelf's name."""
    asked = getattr(samples[0].input, "asked", "") if samples else ""
    return {"asked": asked} if asked else {}


def open_shelf(kind: str, **about: Any) -> Shelf:
    """Return the shelf of one kind of result of this version, as `about` describes it."""
    return Shelf({"kind": kind, "headstart": __version__, **about})


def survey(
    samples: Sequence[Sample],
    modality: Modality,
    backbone: Backbone,
    progress: Progress | None = None,
) -> Survey:
    """Read every sample once: its sketch (for near-duplicates) and its readings.

    What the store has already is not computed again.
    """
    progress = progress or Silent()
    begun = time.perf_counter()
    precision = choose(backbone, modality)
    known, set_aside = identify(samples, modality)
    shelf = open_shelf(
        "readings",
        backbone=backbone.name,
        fingerprint=backbone.fingerprint(),
        precision=precision,
        **devices.named(backbone.device),
        **asked_of(samples),
    )
    sketches = open_shelf("sketches", modality=modality.name)
    wanted = set(boundaries_read(backbone.depth))

    def load(position: int) -> tuple[int, list[Arrays], np.ndarray | None, str]:
        try:
            raw = modality.read(known[position].input)
            return position, modality.windows(raw, backbone.spec), modality.sketch(raw), ""
        except UnreadableInput as error:
            return position, [], None, error.message

    def turns(positions: list[int]) -> Iterator[list[tuple[int, list[Arrays]]]]:
        for loaded in in_turns(load, positions, BATCH):
            for position, _, sketch, why in loaded:
                if sketch is None:
                    unreadable[known[position].key] = why
                    progress.advance()
                else:
                    drawn[position] = sketch
            yield [(position, windows) for position, windows, _, _ in loaded if windows]

    def produce(positions: list[int]) -> Iterator[tuple[int, Sequence[Arrays]]]:
        if not positions:
            return
        progress.start("Reading and computing features", len(positions))
        with at_precision(backbone, precision):
            for done in forward_all(turns(positions), modality, backbone, precision, wanted):
                for position, found in done:
                    vectors = {reading_name(each): _kept(rows) for each, rows in found.items()}
                    yield position, (vectors, {"sketch": drawn.pop(position)})
                progress.advance(len(done))
        progress.finish()

    drawn: dict[int, np.ndarray] = {}
    unreadable: dict[str, str] = {}
    with enough_memory(backbone.name):
        computed = stores.fill([shelf, sketches], [sample.key for sample in known], produce)
    set_aside += [
        Unreadable(sample.name, unreadable[sample.key])
        for sample in known
        if sample.key in unreadable
    ]
    return Survey(
        tuple(sample for sample in known if sample.key not in unreadable),
        tuple(set_aside),
        shelf,
        sketches,
        precision,
        computed,
        time.perf_counter() - begun,
    )


def _kept(rows: np.ndarray) -> np.ndarray:
    """Return what is stored of a reading: of many rows an input, half as many bytes do."""
    if rows.ndim == 1:
        return rows
    most = np.finfo(np.float16).max
    return rows.clip(-most, most).astype(np.float16)


def readings(shelf: Shelf, samples: Sequence[Sample]) -> dict[Reading, np.ndarray]:
    """Gather the stored readings of these samples, a matrix each, in the order of their rows.

    Together they stay within what one matrix may take of memory; the rest of them is on disk.
    """
    keys = [sample.key for sample in samples]
    names = list(shelf.get(keys[0]))
    found: dict[Reading, np.ndarray] = {}
    for name in names:
        boundary, reading = name.split(".", 1)
        found[int(boundary), reading] = shelf.gather(name, keys, MEMORY_BYTES // len(names))
    return dict(sorted(found.items()))


def vectors(shelf: Shelf, samples: Sequence[Sample], wanted: Sequence[Reading]) -> np.ndarray:
    """Gather what a head stands on: the wanted readings side by side, in the order of the rows."""
    return shelf.gather_beside(
        [reading_name(reading) for reading in wanted], [sample.key for sample in samples]
    )


DRAWN = 4
"""Counted up when views are drawn in another way: those in stores are then no longer right."""


def views(
    samples: Sequence[Sample],
    modality: Modality,
    spec: InputSpec,
    numbers: Sequence[int],
    progress: Progress | None = None,
) -> Callable[[Sequence[tuple[int, int]]], list[Arrays]]:
    """Make augmentation views of samples (view 0 is the plain one) and return how to fetch them.

    `numbers` are of the views wanted. A view is a pure function of the sample's content and its
    number, so each is made once and every epoch, seed and later run reads it from the store.
    """
    progress = progress or Silent()
    shelf = open_shelf(
        "views", modality=modality.name, spec=spec.to_json(), drawn=DRAWN, **asked_of(samples)
    )

    def key(position: int, number: int) -> str:
        return hashlib.sha256(f"{samples[position].key}:{number}".encode()).hexdigest()

    def make(position: int) -> list[Arrays]:
        sample = samples[position]
        raw = modality.read(sample.input)
        return [
            modality.view(raw, spec, sample.key, number) if number else modality.prepare(raw, spec)
            for number in numbers
        ]

    lacking = [
        at for at in range(len(samples)) if any(key(at, number) not in shelf for number in numbers)
    ]
    if lacking:
        progress.start(f"Making {len(numbers)} views of each", len(lacking))
        try:
            for at, made in zip(lacking, ahead(make, lacking, 2 * BATCH), strict=True):
                for number, arrays in zip(numbers, made, strict=True):
                    shelf.put(key(at, number), arrays)
                progress.advance()
        finally:
            shelf.flush()
        progress.finish()
        shelf.tidy()
        stores.trim({shelf.folder})

    def fetch(pairs: Sequence[tuple[int, int]]) -> list[Arrays]:
        return [dict(shelf.get(key(at, number))) for at, number in pairs]

    return fetch
