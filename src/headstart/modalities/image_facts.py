"""What a picture's file says of itself, without a look at what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from headstart.modalities.image_damage import find_damage
from headstart.modalities.image_read import FORMATS, open_picture, quiet

ORIENTATION = 0x0112


def read_facts(source: Any) -> dict[str, Any]:
    """Return a picture's facts, or raise `UnreadableInput` when its header cannot be read.

    Single values (numbers, words, truths) are what shortcuts are looked for in. `fits` lists the
    file endings that go with the content; `damage` says in words what is wrong with the bytes;
    `line_ends` counts CR LF pairs, how many of them chance would put there, and line feeds.
    """
    if isinstance(source, np.ndarray):
        height, width = source.shape[:2]
        return {"width": width, "height": height, "mode": f"array {source.dtype}"}
    if isinstance(source, Pillow.Image):
        return {"width": source.width, "height": source.height, "mode": source.mode}
    with open_picture(source) as image:
        with quiet():
            frames = int(getattr(image, "n_frames", 1))
            orientation = _orientation(image)
        facts: dict[str, Any] = {
            "format": str(image.format),
            "mode": image.mode,
            "width": image.width,
            "height": image.height,
            "aspect": round(image.width / image.height, 4),
            "frames": frames,
            "orientation": orientation,
            "fits": list(FORMATS.get(str(image.format), ())),
        }
    data = source if isinstance(source, bytes) else Path(source).expanduser().read_bytes()
    damage = find_damage(data) if facts["format"] in ("JPEG", "MPO") else None
    facts["bytes"] = len(data)
    facts["bytes per pixel"] = round(len(data) / (facts["width"] * facts["height"]), 4)
    facts["damaged"] = damage is not None
    facts["damage"] = [damage] if damage else []
    facts["line_ends"] = _count_line_ends(data)
    return facts


def _orientation(image: Pillow.Image) -> int:
    # Reading EXIF can make Pillow decode a PNG; what its header does not say is not asked for.
    if "exif" not in image.info:
        return 1
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:
        return 1  # Broken notes say nothing.


def _count_line_ends(data: bytes) -> dict[str, float]:
    pairs, returns, feeds = data.count(b"\r\n"), data.count(b"\r"), data.count(b"\n")
    expected = round(returns * feeds / max(1, len(data)), 3)
    return {"found": pairs, "expected": expected, "feeds": feeds}
