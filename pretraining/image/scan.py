"""Look for evaluation pictures among the pretraining photos.

    PYTHONPATH=src python pretraining/image/scan.py --photos photos64.parquet --data DATA \\
        --out pretraining/image/scan.json --sheet /tmp/pairs.png

Two passes. First every photo is compared with every suite picture as tiny grey thumbnails, over
crops, squeezes and mirror images of both, by correlation: one matrix product, so nothing is
skipped. Then the likeliest photo pairs are compared at 32 px on fine detail alone, while crop and
position are searched: smooth pictures look alike as thumbnails, but only copies share detail.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from data import decode_all, read_rows
from PIL import Image
from suite import SETS, paths_of
from torch import Tensor

THUMB = 12
FINE = 32
LUMA = (0.299, 0.587, 0.114)
# Correlation of detail: planted copies score above 0.9; strangers, over the whole suite, up to 0.75
# where both are photos, and up to 0.86 where one is a silhouette, which is nothing but its outline.
COPY = 0.75
Box = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the picture


@dataclass
class Pair:
    set: str
    path: str
    row: int
    thumb: float
    fine: float = 0.0


def boxes_of(width: int, height: int) -> list[Box]:
    """Whole (squeezed), the largest squares along the longer side, and smaller squares."""
    side = min(width, height)
    found: list[Box] = [(0.0, 0.0, 1.0, 1.0), (0.1, 0.1, 0.9, 0.9)]
    for scale in (1.0, 0.86, 0.74, 0.62):
        w, h = scale * side / width, scale * side / height
        if scale == 1.0:
            places = [(i, i) for i in (0.0, 0.5, 1.0)]
        else:
            places = list(itertools.product((0.0, 0.5, 1.0), repeat=2))
        for i, j in places:
            left, top = (1 - w) * i, (1 - h) * j
            found.append((left, top, left + w, top + h))
    return found


def opens(path: Path) -> bool:
    """Whether this is a picture at all: these sets come with their natural dirt."""
    try:
        Image.open(path).load()
    except OSError:
        return False
    return True


def grey(image: Image.Image) -> Image.Image:
    return image.convert("RGB").convert("L")


def vectors(x: Tensor) -> Tensor:
    """Rows without mean and of unit length, so that a product is a correlation."""
    x = x.flatten(1)
    x = x - x.mean(1, keepdim=True)
    return x / (x.norm(dim=1, keepdim=True) + 1e-3)


def suite_thumbs(path: Path) -> Tensor:
    """Thumbnails of every crop and its mirror image; always equally many."""
    image = grey(Image.open(path))
    image.thumbnail((256, 256))
    width, height = image.size
    thumbs = []
    for left, top, right, bottom in boxes_of(width, height):
        box = (left * width, top * height, right * width, bottom * height)
        small = image.resize((THUMB, THUMB), Image.Resampling.BOX, box=box)
        array = np.asarray(small, np.float32) / 255
        thumbs += [array, array[:, ::-1]]
    return torch.from_numpy(np.stack(thumbs))


def photo_views(photos: Tensor) -> list[Tensor]:
    """Thumbnails of the photos, whole and cut: a suite picture may be a part of one."""
    found = [photos]
    for top, left in ((6, 6), (0, 0), (0, 12), (12, 0), (12, 12)):
        found.append(photos[:, top : top + 52, left : left + 52])
    return [F.adaptive_avg_pool2d(view[:, None], THUMB)[:, 0] for view in found]


def closest(photos: Tensor, paths: list[Path], keep: int) -> list[tuple[int, int, float]]:
    """For every suite picture the `keep` likeliest photos: (path number, row, correlation)."""
    views = [vectors(view) for view in photo_views(photos)]
    best: list[tuple[int, int, float]] = []
    for start in range(0, len(paths), 8):
        thumbs = torch.stack([suite_thumbs(path) for path in paths[start : start + 8]])
        count, crops = thumbs.shape[:2]
        mine = vectors(thumbs.flatten(0, 1)).view(count, crops, -1)
        score = (views[0] @ mine.flatten(0, 1).T).view(-1, count, crops).amax(2)
        # Cut photos are compared with the suite picture's wholes and largest squares only.
        wholes = mine[:, :10].flatten(0, 1).T
        for view in views[1:]:
            score = torch.maximum(score, (view @ wholes).view(-1, count, 10).amax(2))
        top = score.topk(keep, dim=0)
        for i in range(count):
            found = zip(top.indices[:, i].tolist(), top.values[:, i].tolist(), strict=True)
            best += [(start + i, row, value) for row, value in found]
    return best


def detail(arrays: list[np.ndarray]) -> Tensor:
    """Pictures without their soft part, which many share, as rows to correlate."""
    x = torch.from_numpy(np.stack(arrays))[:, None]
    return vectors(x - F.avg_pool2d(x, 9, 1, 4, count_include_pad=False))


def cut(image: Image.Image, box: Box) -> np.ndarray:
    width, height = image.size
    place = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
    return np.asarray(image.resize((FINE, FINE), Image.Resampling.BOX, box=place), np.float32) / 255


def search(image: Image.Image, targets: list[np.ndarray], rounds: int = 4) -> float:
    """Best correlation of detail of any part of `image` with a target: a coarse grid of boxes,
    then the best ones are nudged, ever more finely. One pixel aside is enough to miss a copy."""
    generator = np.random.default_rng(0)
    goal = detail(targets + [target[:, ::-1] for target in targets])
    boxes = np.array(boxes_of(*image.size))
    scores = np.zeros(0)
    best = np.zeros((0, 4))
    for turn in range(rounds):
        now = (detail([cut(image, tuple(box)) for box in boxes]) @ goal.T).amax(1).numpy()
        best, scores = np.concatenate([best, boxes]), np.concatenate([scores, now])
        order = scores.argsort()[::-1][:5]
        best, scores = best[order], scores[order]
        boxes = np.repeat(best, 12, 0) + generator.normal(0, 0.05 / 2**turn, (len(best) * 12, 4))
        boxes = boxes.clip(0, 1)
        boxes = boxes[((boxes[:, 2:] - boxes[:, :2]) > 0.3).all(1)]
        if not len(boxes):  # of a long, narrow picture every nudge was too small a part
            break
    return float(scores.max())


def fine_score(photo: Tensor, path: Path) -> float:
    """The photo as a part of the suite picture, or the other way round."""
    image = grey(Image.open(path))
    image.thumbnail((256, 256))
    own = Image.fromarray((photo * 255).byte().numpy())
    width, height = image.size
    wholes = [cut(image, box) for box in boxes_of(width, height)[:1] + boxes_of(width, height)[2:5]]
    whole = cut(own, (0.0, 0.0, 1.0, 1.0))
    return max(search(image, [whole]), search(own, wholes))


def contact_sheet(pairs: list[Pair], images: np.ndarray, root: Path, path: Path) -> None:
    """Pairs side by side, likeliest first, to be looked at."""
    columns, cell = 6, 112
    rows = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (columns * (2 * cell + 8), rows * (cell + 4)), "white")
    for number, pair in enumerate(pairs):
        x, y = number % columns * (2 * cell + 8), number // columns * (cell + 4)
        photo = Image.fromarray(images[pair.row].transpose(1, 2, 0))
        sheet.paste(photo.resize((cell, cell)), (x, y))
        other = Image.open(root / pair.path).convert("RGB")
        other.thumbnail((cell, cell))
        sheet.paste(other, (x + cell, y))
    sheet.save(path)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sheet", type=Path, help="PNG of the likeliest pairs")
    parser.add_argument("--keep", type=int, default=3, help="photos to look at a suite picture")
    parser.add_argument("--verify", type=int, default=250, help="pairs to verify in every set")
    parser.add_argument("--limit", type=int, help="photos, for a smoke test")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    warnings.simplefilter("ignore")
    root = Path(args.data)
    labels, blobs, hashes = read_rows(args.photos)
    images = decode_all(blobs[: args.limit])
    luma = torch.tensor(LUMA).view(1, 3, 1, 1)
    parts = torch.from_numpy(images).split(4096)
    photos = torch.cat([(part.float() * luma).sum(1) / 255 for part in parts])
    pairs: list[Pair] = []
    for name in SETS:
        paths = [path for path in paths_of(root / "images" / name) if opens(path)]
        found = closest(photos, paths, args.keep)
        print(name, len(paths), "pictures,", f"closest thumbnail {max(f[2] for f in found):.3f}",
              flush=True)  # fmt: skip
        pairs += [Pair(name, str(paths[n].relative_to(root)), row, v) for n, row, v in found]
    pairs.sort(key=lambda pair: -pair.thumb)
    # The likeliest of all, and of every set: smooth sets must not crowd the photos out.
    likely = [p for i, p in enumerate(pairs) if i < args.verify]
    for name in SETS:
        likely += [p for p in pairs if p.set == name][: args.verify]
    pairs = list({id(p): p for p in likely}.values())
    for pair in pairs:
        pair.fine = fine_score(photos[pair.row], root / pair.path)
    pairs.sort(key=lambda pair: -pair.fine)
    suspects = [pair for pair in pairs if pair.fine >= COPY]
    report = {
        "command": " ".join(sys.argv),
        "photos": len(images),
        "suite": sorted(SETS),
        "pairs_verified": len(pairs),
        "suspects": len(suspects),
        "verdict": f"look at {len(suspects)} pairs; copies go to excluded.json"
        if suspects
        else "clean",
        "closest": [
            {"set": p.set, "path": p.path, "photo_sha256": hashes[p.row], "label": labels[p.row],
             "thumbnail": round(p.thumb, 4), "detail": round(p.fine, 4)}
            for p in pairs[:60]
        ],
    }  # fmt: skip
    args.out.write_text(json.dumps(report, indent=1))
    if args.sheet:
        contact_sheet(pairs[:60], images, root, args.sheet)
    for entry in report["closest"][:12]:  # type: ignore[index]
        print(entry)
    print(report["verdict"])


if __name__ == "__main__":
    main()
