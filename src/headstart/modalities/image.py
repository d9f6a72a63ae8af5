"""Pictures: photographs, scans, drawings; from files, bytes, arrays or Pillow."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from headstart.modalities.base import Arrays, State
from headstart.modalities.image_facts import read_facts
from headstart.modalities.image_read import FORMATS, open_bytes, read_picture
from headstart.modalities.image_resample import collate, resample
from headstart.modalities.image_twins import find_twins, sketch
from headstart.modalities.image_varied import make_varied
from headstart.modalities.image_views import make_view
from headstart.schema import ImageSpec, InputSpec

THUMBNAIL = 160


class Image:
    """The image modality. A decoded input is an upright Pillow picture in 8-bit RGB."""

    name = "image"
    suffixes = frozenset(suffix for endings in FORMATS.values() for suffix in endings)
    inline = False
    timed = False

    def accepts(self, source: Any) -> bool:
        """Tell whether `source` could be a picture, by its ending or its type."""
        if isinstance(source, str | Path):
            return Path(source).suffix.lower() in self.suffixes
        if isinstance(source, np.ndarray):
            return source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (1, 3, 4))
        return isinstance(source, Pillow.Image | bytes)

    def fingerprint(self, source: Any) -> str:
        """Return a hash of the file's bytes, or of the pixels of what is no file."""
        digest = hashlib.sha256()
        if isinstance(source, np.ndarray):
            digest.update(f"array {source.dtype.str} {source.shape}\n".encode())
            digest.update(np.ascontiguousarray(source).data)
        elif isinstance(source, Pillow.Image):
            # Through the decoded picture, since palettes and orientation lie beside the pixels.
            picture = read_picture(source)
            digest.update(f"picture {picture.size}\n".encode())
            digest.update(picture.tobytes())
        elif isinstance(source, bytes):
            digest.update(source)
        else:
            with open_bytes(source) as file:
                for chunk in iter(lambda: file.read(1 << 20), b""):
                    digest.update(chunk)
        return digest.hexdigest()

    def read(self, source: Any) -> Pillow.Image:
        """Decode a picture fully into RGB, or raise `UnreadableInput` saying why it cannot be."""
        return read_picture(source)

    def prepare(self, raw: Any, spec: InputSpec) -> Arrays:
        """Resize and crop as the checkpoint's own transform does; uint8, channels first."""
        return {"x": resample(raw, _image_spec(spec))}

    def windows(self, raw: Any, spec: InputSpec) -> list[Arrays]:
        """Return the whole picture: none is too large."""
        return [self.prepare(raw, spec)]

    def view(self, raw: Any, spec: InputSpec, key: str, number: int) -> Arrays:
        """Return augmentation view `number`, of the shape that `prepare` returns."""
        return {"x": make_view(raw, _image_spec(spec), key, number)}

    def mirror(self, example: Arrays) -> Arrays:
        """Return the picture with left and right exchanged."""
        return {"x": np.ascontiguousarray(example["x"][..., ::-1])}

    def collate(self, examples: Sequence[Arrays], spec: InputSpec) -> State:
        """Stack pictures into a normalised float32 batch in channels-last memory."""
        return {"x": collate([example["x"] for example in examples], _image_spec(spec))}

    def sketch(self, raw: Any) -> np.ndarray:
        """Return 1,153 bytes by which `twins` knows a picture again."""
        return sketch(raw)

    def twins(self, sketches: np.ndarray) -> list[list[int]]:
        """Return the groups of rows that are one picture: re-encoded, resized, brighter."""
        return find_twins(sketches)

    def facts(self, source: Any) -> dict[str, Any]:
        """Return what the file says of itself: format, size, mode, bytes; nothing is decoded."""
        return read_facts(source)

    def show(self, raw: Any) -> dict[str, str]:
        """Return a thumbnail of at most 160 pixels for the report, as a base64 JPEG."""
        scale = min(1.0, THUMBNAIL / max(raw.size))
        size = (max(1, round(raw.width * scale)), max(1, round(raw.height * scale)))
        stream = io.BytesIO()
        small = raw.resize(size, Pillow.Resampling.BILINEAR, reducing_gap=3.0)
        small.save(stream, "JPEG", quality=80)
        data = base64.b64encode(stream.getvalue()).decode("ascii")
        return {"kind": "picture", "mime": "image/jpeg", "data": data}

    def golden(self, spec: InputSpec, seed: int, count: int) -> list[Pillow.Image]:
        """Draw pictures by whole-number arithmetic, so that every machine draws the same ones."""
        return [_draw(seed * 1009 + number) for number in range(count)]

    def varied(self, spec: InputSpec, seed: int, count: int) -> list[Pillow.Image]:
        """Draw pictures of things that are none, each with other outlines, surfaces and light."""
        return [make_varied(seed * 1009 + number) for number in range(count)]


def _image_spec(spec: InputSpec) -> ImageSpec:
    if not isinstance(spec, ImageSpec):
        raise TypeError(f"the image modality needs an ImageSpec, not {type(spec).__name__}")
    return spec


def _draw(seed: int) -> Pillow.Image:
    """Draw soft stripes and a disc, of a size and colours that the seed decides."""
    state = (seed * 2654435761 + 12345) % 2**32

    def choose(least: int, most: int) -> int:
        nonlocal state
        state = (state * 1664525 + 1013904223) % 2**32
        return least + (state >> 16) % (most - least + 1)

    width, height = choose(180, 420), choose(180, 420)
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        slope = choose(-7, 7) * across + choose(-7, 7) * down + choose(0, 1023)
        # A triangle wave has no jump where it turns, as a sawtooth would.
        pixels[:, :, channel] = np.abs(slope // 2 % 512 - 256).clip(0, 255)
    middle, radius = (choose(0, width), choose(0, height)), choose(30, 90)
    inside = (across - middle[0]) ** 2 + (down - middle[1]) ** 2 < radius**2
    pixels[inside] = [choose(0, 255) for _ in range(3)]
    return Pillow.fromarray(pixels)
