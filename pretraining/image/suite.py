"""The few-label suite: five sets of pictures, read from folders or from one packed file.

    python pretraining/image/suite.py --data DATA --pack suite.npz

Every picture becomes 128 px square (shorter side, centre crop), so that figures from the folders
and from the packed file rest on the same pixels but for WebP's loss.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

SETS = ("flowers5", "fashion900", "blood_cells", "brain_mri", "ants_bees")
ENDINGS = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"}
SIDE = 128
ImageFile.LOAD_TRUNCATED_IMAGES = True


@dataclass
class Set:
    """One set: uint8 pictures (n, 128, 128, 3), class numbers, and which rows are the test."""

    name: str
    classes: list[str]
    images: np.ndarray
    labels: np.ndarray
    test: np.ndarray


def square(image: Image.Image) -> Image.Image:
    """Shorter side to 128 px, centre crop. Alpha is dropped, as most viewers of scans do."""
    image = image.convert("RGB")
    width, height = image.size
    scale = SIDE / min(width, height)
    size = (max(SIDE, round(width * scale)), max(SIDE, round(height * scale)))
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    return image.crop((left, top, left + SIDE, top + SIDE))


def paths_of(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())


def split_groups(labels: list[int], groups: list[str], seed: int = 0) -> np.ndarray:
    """A seeded 30 % test in which identical pictures stay on one side, class by class."""
    test = np.zeros(len(labels), bool)
    first = {}
    for label, group in zip(labels, groups, strict=True):
        first.setdefault(group, label)  # a picture filed under two classes counts once
    for label in sorted(set(labels)):
        mine = sorted(g for g, c in first.items() if c == label)
        random.Random(seed).shuffle(mine)
        chosen = set(mine[: round(0.3 * len(mine))])
        test |= np.array([g in chosen for g in groups])
    return test


def read_set(root: Path, name: str) -> Set:
    """One set from its folders: `train/` and `test/` or `val/`, or a split of our own."""
    folder = root / "images" / name
    paths, images, names = [], [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths_of(folder):
            try:
                image = square(Image.open(path))
            except OSError:
                continue  # dirt is natural in these sets
            paths.append(path)
            images.append(np.asarray(image))
            names.append(path.parent.name)
    classes = sorted(set(names))
    labels = [classes.index(n) for n in names]
    if (folder / "train").exists():
        test = np.array([p.relative_to(folder).parts[0] != "train" for p in paths])
    else:
        groups = [hashlib.sha256(i.tobytes()).hexdigest() for i in images]
        test = split_groups(labels, groups)
    return Set(name, classes, np.stack(images), np.array(labels), test)


def pack(sets: list[Set], path: Path, quality: int = 90) -> None:
    """All sets in one .npz of plain arrays: WebP bytes end to end, with their lengths."""
    arrays: dict[str, np.ndarray] = {}
    for one in sets:
        blobs = []
        for image in one.images:
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "WEBP", quality=quality, method=4)
            blobs.append(buffer.getvalue())
        arrays[f"{one.name}/bytes"] = np.frombuffer(b"".join(blobs), np.uint8)
        arrays[f"{one.name}/lengths"] = np.array([len(b) for b in blobs])
        arrays[f"{one.name}/labels"] = one.labels
        arrays[f"{one.name}/test"] = one.test
        arrays[f"{one.name}/classes"] = np.array(one.classes)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def unpack(path: Path) -> list[Set]:
    arrays = np.load(path, allow_pickle=False)
    sets = []
    for name in SETS:
        data = arrays[f"{name}/bytes"].tobytes()
        ends = np.cumsum(arrays[f"{name}/lengths"])
        starts = np.concatenate([[0], ends[:-1]])
        images = [
            np.asarray(Image.open(io.BytesIO(data[a:b])).convert("RGB"))
            for a, b in zip(starts, ends, strict=True)
        ]
        classes = [str(c) for c in arrays[f"{name}/classes"]]
        labels, test = arrays[f"{name}/labels"], arrays[f"{name}/test"]
        sets.append(Set(name, classes, np.stack(images), labels, test))
    return sets


def load_suite(path: Path) -> list[Set]:
    """From a packed .npz, or from the folder that holds `images/`."""
    if path.is_file():
        return unpack(path)
    return [read_set(path, name) for name in SETS]


def draw(labels: np.ndarray, per_class: int | None, seed: int) -> np.ndarray:
    """Positions of `per_class` examples of every class (all there are, if fewer)."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    if per_class is None:
        return order
    return np.concatenate([order[labels[order] == c][:per_class] for c in np.unique(labels)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--pack", type=Path, required=True)
    args = parser.parse_args()
    sets = load_suite(Path(args.data))
    args.pack.parent.mkdir(parents=True, exist_ok=True)
    pack(sets, args.pack)
    for one in sets:
        print(one.name, len(one.labels), "pictures,", int(one.test.sum()), "of them test")
    print(f"{args.pack.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
