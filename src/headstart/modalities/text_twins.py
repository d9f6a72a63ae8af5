"""Recognising a text again: copied, in other case or punctuation, with a word more or less.

A sketch holds the hashes of a text's words and pairs of neighbouring words: all of them where there
are at most 64, else the 64 smallest, which are a fair sample. How much two texts share is so known
exactly for short texts and closely for long ones. Candidates come from a few mixed minima of the
same hashes, and nothing is called a twin before its words have been compared.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from headstart.modalities.text_read import Parts

KEPT = 64
NOTHING = np.uint32(0xFFFFFFFF)
SAME = 0.8
"""Share of words and pairs of words in common from which two texts are the same."""

FEWEST_WORDS = 8
"""Shorter texts are twins only if all their words agree: one word is a different question."""

BANDS, ROWS = 12, 2
CHUNK = 8192
WORD = re.compile(r"\w+")


def normalise(raw: Parts) -> list[list[str]]:
    """Return the words of each part, lower-cased and without punctuation."""
    return [WORD.findall(text.casefold()) for text in raw]


def sketch(raw: Parts) -> np.ndarray:
    """Return 266 bytes: hashes of words, a hash of all of them in order, and their number."""
    parts = normalise(raw)
    words = [word for part in parts for word in part]
    # What has no words (signs, emoji) is known by its signs.
    whole = "\n".join(" ".join(part) for part in parts) if words else "\n".join(raw)
    pairs = [f"{one} {other}" for part in parts for one, other in pairwise(part)]
    hashes = _mix(np.array([zlib.crc32(each.encode()) for each in (*words, *pairs)], np.uint32))
    row = np.full(KEPT, NOTHING, np.uint32)
    smallest = np.unique(hashes)[:KEPT]
    row[: len(smallest)] = smallest
    digest = np.frombuffer(hashlib.sha256(whole.encode()).digest()[:8], np.uint8)
    count = np.array([min(len(words), 65535)], np.uint16)
    return np.concatenate([row.view(np.uint8), digest, count.view(np.uint8)])


def _mix(values: np.ndarray) -> np.ndarray:
    """Spread hashes evenly, by the finishing steps of a well-known hash function (murmur3)."""
    values = values ^ (values >> np.uint32(16))
    values = values * np.uint32(0x85EBCA6B)
    values = values ^ (values >> np.uint32(13))
    values = values * np.uint32(0xC2B2AE35)
    return np.asarray(values ^ (values >> np.uint32(16)))


def find_twins(sketches: np.ndarray) -> list[list[int]]:
    """Return the groups of rows that are one text; each has two members at least."""
    count = len(sketches)
    whole = np.ascontiguousarray(sketches[:, 4 * KEPT : 4 * KEPT + 8]).view(np.uint64)[:, 0]
    words = np.ascontiguousarray(sketches[:, 4 * KEPT + 8 :]).view(np.uint16)[:, 0]
    leader = np.arange(count)

    def find(at: int) -> int:
        while leader[at] != at:
            leader[at] = leader[leader[at]]
            at = int(leader[at])
        return at

    for one, other in _neighbours(whole):
        leader[find(other)] = find(one)
    long = np.flatnonzero(words >= FEWEST_WORDS)
    for keys in _band_keys(sketches, long):
        found = [(int(long[a]), int(long[b])) for a, b in _neighbours(keys)]
        pairs = np.array([p for p in found if find(p[0]) != find(p[1])]).reshape(-1, 2)
        for start in range(0, len(pairs), CHUNK):
            some = pairs[start : start + CHUNK]
            rows = (_hashes(sketches[some[:, side]]) for side in (0, 1))
            alike = some[_shared(*rows) >= SAME]
            for one, other in alike.tolist():
                leader[find(other)] = find(one)
    leaders = np.fromiter(map(find, range(count)), np.int64, count)
    return sorted(group.tolist() for group in _alike(leaders))


def _hashes(sketches: np.ndarray) -> np.ndarray:
    """Return the hashes of words and pairs that sketches hold."""
    return np.ascontiguousarray(sketches[:, : 4 * KEPT]).view(np.uint32)


def _alike(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows of each key that several have, in order."""
    order = np.argsort(keys, kind="stable")
    _, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    for start, count in zip(starts[counts > 1], counts[counts > 1], strict=True):
        yield order[start : start + count]


def _neighbours(keys: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows with equal keys: each with the first and with the one before it."""
    for group in _alike(keys):
        rows = group.tolist()
        for at in range(1, len(rows)):
            yield rows[0], rows[at]
            if at > 1:
                yield rows[at - 1], rows[at]


def _band_keys(sketches: np.ndarray, wanted: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a key a row and band: texts that share `SAME` of their words agree in some band.

    Of very many sketches only a few are in memory at a time.
    """
    chance = np.random.default_rng(20260101)
    for _ in range(BANDS):
        factors = chance.integers(0, 2**31, ROWS, dtype=np.uint32) * 2 + 1
        keys = np.zeros(len(wanted), np.uint64)
        for start in range(0, len(wanted), CHUNK):
            part = slice(start, start + CHUNK)
            hashes = _hashes(sketches[wanted[part]])
            for factor in factors:
                mixed = np.where(hashes == NOTHING, NOTHING, _mix(hashes * np.uint32(factor)))
                keys[part] = (keys[part] << np.uint64(32)) | mixed.min(1)
        yield keys


def _shared(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the share of hashes in common (Jaccard), from the smallest of both together."""
    both = np.sort(np.concatenate([one, other], axis=1), axis=1)
    real = both != NOTHING
    first = np.concatenate([np.ones((len(both), 1), bool), both[:, 1:] != both[:, :-1]], axis=1)
    rank = np.cumsum(first & real, axis=1)
    # Beyond the last hash that a full sketch kept, what is missing may only be unkept.
    full = (one[:, -1] != NOTHING) | (other[:, -1] != NOTHING)
    within = real & (~full[:, None] | (rank <= KEPT))
    union = (first & within).sum(1)
    return np.asarray((~first & within).sum(1) / np.maximum(union, 1))
