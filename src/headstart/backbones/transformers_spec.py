"""What a transformers image processor does, said as an `ImageSpec`.

transformers has two engines behind one configuration: torchvision on tensors ("fast", today's
default) and Pillow on arrays. The processor object itself is asked, as it knows its defaults.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.errors import BackboneError
from headstart.schema import ImageSpec

INTERPOLATIONS: dict[int, Any] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}
"""Pillow's numbers, which transformers uses for both engines."""

FAITHFUL = (
    "BeitImageProcessor",
    "BitImageProcessor",
    "CLIPImageProcessor",
    "ConvNextImageProcessor",
    "DeiTImageProcessor",
    "EfficientNetImageProcessor",
    "MobileNetV1ImageProcessor",
    "MobileNetV2ImageProcessor",
    "PvtImageProcessor",
    "SiglipImageProcessor",
    "ViTImageProcessor",
)
"""Processors that resize, crop, scale and normalise, and do nothing besides."""


def spec_from_json(values: Mapping[str, Any]) -> ImageSpec:
    """Return the specification that `to_json` wrote."""
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return ImageSpec(**given)


def read_spec(folder: Path, reference: str, channels: int) -> tuple[ImageSpec, str]:
    """Return a folder's preprocessing, and a remark where its processor does more than that."""
    from transformers import AutoImageProcessor

    names = ("preprocessor_config.json", "processor_config.json")
    if not any((folder / name).is_file() for name in names):
        raise BackboneError(
            f"'{reference}' has no preprocessor_config.json, which says how its pictures are made.",
            "Save the image processor beside the model: "
            "`AutoImageProcessor.from_pretrained(ORIGINAL).save_pretrained(FOLDER)`.",
        )
    try:
        processor = AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (ValueError, OSError, ImportError, KeyError) as error:
        raise BackboneError(
            f"The image processor of '{reference}' cannot be read ({str(error).splitlines()[0]}).",
            "Choose another model, or the same weights from timm (timm/NAME).",
        ) from None
    kind = type(processor).__name__.removesuffix("Pil").removesuffix("Fast")
    spec = describe(processor, kind, reference, channels)
    if kind in FAITHFUL:
        return spec, ""
    return spec, f"Its own {kind} may do more than to resize, crop and normalise; that is left out."


def _sides(size: Any, reference: str) -> tuple[int, int]:
    height, width = getattr(size, "height", None), getattr(size, "width", None)
    if height and width:
        return int(height), int(width)
    edge = getattr(size, "shortest_edge", None)
    if edge:
        return int(edge), int(edge)
    raise _unknown(reference, f"size {size}")


def _unknown(reference: str, what: str) -> BackboneError:
    return BackboneError(
        f"The image processor of '{reference}' asks for what headstart cannot do ({what}).",
        "Choose another model, or the same weights from timm (timm/NAME).",
    )


def describe(processor: Any, kind: str, reference: str, channels: int) -> ImageSpec:
    """Return a processor object's resizing, cropping, scaling and normalising."""

    def on(name: str) -> bool:
        return bool(getattr(processor, name, False))

    if on("do_flip_channel_order"):
        raise _unknown(reference, "channels in the order blue, green, red")
    size = getattr(processor, "size", None)
    resize: tuple[str | int, ...] = ("none",)
    final: tuple[int, int] | None = None
    crop: tuple[int, int] | None = None
    if on("do_resize"):
        sides = _sides(size, reference)
        if getattr(size, "height", None):
            resize, final = ("exact", *sides), sides
        elif getattr(size, "longest_edge", None):
            raise _unknown(reference, f"size {size}")
        elif kind == "ConvNextImageProcessor" and sides[0] < 384:
            # Its resize crops as well: to the shorter side over crop_pct first, then to size.
            resize = ("shortest", math.floor(sides[0] / processor.crop_pct))
            final = crop = sides
        elif kind == "ConvNextImageProcessor":
            resize, final = ("exact", *sides), sides
        else:
            resize = ("shortest", sides[0])
    if on("do_center_crop"):
        final = crop = _sides(processor.crop_size, reference)
    if final is None:
        # Pictures of every shape would come out in a different one; a batch needs one.
        final = crop = _sides(size, reference)
    mean, std = [0.0] * channels, [1.0] * channels
    if on("do_normalize"):
        mean = [float(each) for each in processor.image_mean]
        std = [float(each) for each in processor.image_std]
    scale = float(processor.rescale_factor) if on("do_rescale") else 1.0
    if on("rescale_offset"):  # values are brought to -1..1 before they are normalised
        mean = [each + 1.0 for each in mean]
    if on("include_top"):  # EfficientNet divides by the deviation twice
        std = [each * each for each in std]
    return ImageSpec(
        size=final,
        resize=resize,
        crop=crop,
        interpolation=INTERPOLATIONS[int(getattr(processor, "resample", 2))],
        engine="torch" if processor.backend == "torchvision" else "pillow",
        crop_rounding="down",
        mean=tuple(mean),
        std=tuple(std),
        scale=scale,
        channels=channels,
    )
