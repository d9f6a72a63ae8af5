"""Pretraining photos: read the Parquet file, decode it on all cores, hold 5 % back."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

EXCLUDED = Path(__file__).with_name("excluded.json")


@dataclass
class Photos:
    """Pictures as uint8 (n, 3, 64, 64), class numbers, and the rows held back from training."""

    images: Tensor
    labels: Tensor
    classes: list[str]
    train: Tensor
    held: Tensor

    def to(self, device: torch.device) -> Photos:
        move = [t.to(device) for t in (self.images, self.labels, self.train, self.held)]
        return Photos(move[0], move[1], self.classes, move[2], move[3])


def decode(blobs: Sequence[bytes]) -> np.ndarray:
    """WebP bytes to one uint8 array (n, 3, 64, 64)."""
    arrays = [np.asarray(Image.open(io.BytesIO(blob)).convert("RGB")) for blob in blobs]
    return np.ascontiguousarray(np.stack(arrays).transpose(0, 3, 1, 2))


def decode_all(blobs: list[bytes]) -> np.ndarray:
    """Decode on every core; in order."""
    chunks = [blobs[i : i + 1024] for i in range(0, len(blobs), 1024)]
    if len(chunks) < 4:
        return np.concatenate([decode(chunk) for chunk in chunks])
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(decode, chunks)))


def read_rows(path: Path) -> tuple[list[str], list[bytes], list[str]]:
    """Labels, picture bytes and the bytes' sha256, without the rows listed in excluded.json."""
    table = pq.read_table(path)
    labels, blobs = table["label"].to_pylist(), table["image"].to_pylist()
    hashes = [hashlib.sha256(blob).hexdigest() for blob in blobs]
    barred = set(json.loads(EXCLUDED.read_text())["sha256"]) if EXCLUDED.exists() else set()
    keep = [i for i, sha in enumerate(hashes) if sha not in barred]
    return [labels[i] for i in keep], [blobs[i] for i in keep], [hashes[i] for i in keep]


def load_photos(path: Path, limit: int | None = None) -> Photos:
    """All photos in memory. A row is held back by its own hash, so the choice never drifts."""
    names, blobs, hashes = read_rows(path)
    classes = sorted(set(names))
    names, blobs, hashes = names[:limit], blobs[:limit], hashes[:limit]
    number = {name: i for i, name in enumerate(classes)}
    held = np.array([int(sha[:8], 16) % 20 == 0 for sha in hashes])
    return Photos(
        images=torch.from_numpy(decode_all(blobs)),
        labels=torch.tensor([number[name] for name in names]),
        classes=classes,
        train=torch.from_numpy(np.flatnonzero(~held)),
        held=torch.from_numpy(np.flatnonzero(held)),
    )
