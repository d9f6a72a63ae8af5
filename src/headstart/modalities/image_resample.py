"""From an RGB picture to the tensor a checkpoint expects, equal to the checkpoint's own transform.

The `pillow` engine is what timm runs (torchvision's transforms on Pillow pictures) and equals it
exactly; the `torch` engine is what the processors of transformers run (torchvision's on uint8
tensors) and equals them exactly where their kernels work on uint8 (x86 with AVX2), and within one
grey level elsewhere, where they round through floats.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image as Pillow
from torch.nn.functional import interpolate

from headstart.schema import ImageSpec

FILTERS = {
    "nearest": Pillow.Resampling.NEAREST,
    "bilinear": Pillow.Resampling.BILINEAR,
    "bicubic": Pillow.Resampling.BICUBIC,
    "lanczos": Pillow.Resampling.LANCZOS,
    "box": Pillow.Resampling.BOX,
}

MOST_RESIZED_PIXELS = 40_000_000
"""A strip one pixel wide grows to hundreds of megabytes when its short side reaches 224. Beyond
this many pixels only the part that the crop keeps is computed, which may differ by a grey level."""


def resample(image: Pillow.Image, spec: ImageSpec) -> np.ndarray:
    """Resize and crop an RGB picture as the spec says; return uint8, channels first.

    The memory stays in the order height, width, channel, so that `collate` need not turn it.
    """
    if spec.channels == 1:
        image = image.convert("L")
    height, width = resized_shape(image.height, image.width, spec)
    if spec.crop is not None and height * width > MOST_RESIZED_PIXELS:
        pixels = _resize_window(image, height, width, spec)
    elif (height, width) == (image.height, image.width):
        pixels = _pixels(image)
    elif spec.engine == "pillow" or spec.interpolation == "box":
        pixels = _pixels(image.resize((width, height), FILTERS[spec.interpolation]))
    else:
        pixels = _resize_tensor(_pixels(image), height, width, spec.interpolation)
    if spec.crop is not None:
        pixels = _crop_centre(pixels, spec)
    return pixels.transpose(2, 0, 1)


def collate(examples: Sequence[np.ndarray], spec: ImageSpec) -> torch.Tensor:
    """Stack uint8 pictures into a float32 batch, scaled and normalised, in channels-last memory."""
    channels, height, width = examples[0].shape
    # (x * scale - mean) / std as one multiplication and one addition, over rows of whole pixels:
    # broadcasting over an innermost dimension of three would be several times slower. Picture by
    # picture, so that each is still in the processor's cache for the next step; and in numpy, whose
    # single thread does not wait for cores that are busy decoding, as torch's would.
    std = np.asarray(spec.std, np.float64)
    gain = np.tile(spec.scale / std, width).astype(np.float32)
    shift = np.tile(-np.asarray(spec.mean) / std, width).astype(np.float32)
    batch = np.empty((len(examples), height, width * channels), np.float32)
    for row, example in zip(batch, examples, strict=True):
        row[:] = example.transpose(1, 2, 0).reshape(height, width * channels)
        row *= gain
        row += shift
    pixels = batch.reshape(len(examples), height, width, channels)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def prepared_size(spec: ImageSpec) -> tuple[int, int]:
    """Return height and width of what the spec describes."""
    if spec.crop is not None:
        return spec.crop
    if spec.resize[0] == "exact":
        return int(spec.resize[1]), int(spec.resize[2])
    return spec.size


def resized_shape(height: int, width: int, spec: ImageSpec) -> tuple[int, int]:
    """Return height and width after the resize, by the rounding rules of torchvision and timm."""
    kind, *numbers = spec.resize
    if kind == "none":
        return height, width
    if kind == "exact":
        return int(numbers[0]), int(numbers[1])
    if kind == "shortest":
        short = int(numbers[0])
        if width <= height:
            return int(short * height / width), short
        return short, int(short * width / height)
    ratios = (height / int(numbers[0]), width / int(numbers[1]))
    ratio = min(ratios) if kind == "cover" else max(ratios)
    return max(1, round(height / ratio)), max(1, round(width / ratio))


def _pixels(image: Pillow.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _resize_tensor(pixels: np.ndarray, height: int, width: int, mode: str) -> np.ndarray:
    # A copy, because torch will not take the read-only memory that Pillow hands out.
    batch = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]
    if mode == "nearest":
        resized = interpolate(batch, size=(height, width), mode=mode)
    elif mode == "lanczos":  # Has no uint8 kernel.
        resized = interpolate(batch.float(), size=(height, width), mode=mode, antialias=True)
        resized = resized.clamp_(0, 255).round_().to(torch.uint8)
    else:
        resized = interpolate(batch, size=(height, width), mode=mode, antialias=True)
    turned: np.ndarray = resized[0].permute(1, 2, 0).numpy()
    return turned


def _resize_window(image: Pillow.Image, height: int, width: int, spec: ImageSpec) -> np.ndarray:
    """Compute only the middle of a resized picture that would be too large as a whole."""
    assert spec.crop is not None
    keep = [min(full, crop) for full, crop in zip((height, width), spec.crop, strict=True)]
    top, left = (
        _margin(full, kept, spec.crop_rounding)
        for full, kept in zip((height, width), keep, strict=True)
    )
    down, across = image.height / height, image.width / width
    box = (left * across, top * down, (left + keep[1]) * across, (top + keep[0]) * down)
    return _pixels(image.resize((keep[1], keep[0]), FILTERS[spec.interpolation], box=box))


def _crop_centre(pixels: np.ndarray, spec: ImageSpec) -> np.ndarray:
    assert spec.crop is not None
    high, wide = spec.crop
    height, width = pixels.shape[:2]
    if high > height or wide > width:
        above, before = max(0, (high - height) // 2), max(0, (wide - width) // 2)
        canvas = np.zeros((max(high, height), max(wide, width), pixels.shape[2]), np.uint8)
        if spec.resize[0] == "contain":
            canvas[:] = [round(255 * value) for value in spec.mean]
        canvas[above : above + height, before : before + width] = pixels
        pixels = canvas
        height, width = pixels.shape[:2]
    top = _margin(height, high, spec.crop_rounding)
    left = _margin(width, wide, spec.crop_rounding)
    return pixels[top : top + high, left : left + wide]


def _margin(full: int, kept: int, rounding: str) -> int:
    return (full - kept) // 2 if rounding == "down" else round((full - kept) / 2)
