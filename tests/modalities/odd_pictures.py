"""Pictures as people really have them, made from one photo: every mode, turn, shape and kind."""

import io
import struct
from functools import cache

import numpy as np
from PIL import Image as Pillow

from headstart.modalities.image import Image
from headstart.schema import ImageSpec
from tests.data import data_root


def photo() -> Pillow.Image:
    """Return a real photo where the public sets are at hand, else a drawn picture."""
    path = data_root() / "images/ants_bees/train/bees/1092977343_cb42b38d62.jpg"
    if path.exists():
        return Pillow.open(path).convert("RGB")
    return Image().golden(ImageSpec(), 1, 1)[0]


def encode(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def turned(picture: Pillow.Image, orientation: int) -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    return encode(picture, "JPEG", quality=95, exif=exif)


def sixteen_bit(picture: Pillow.Image) -> Pillow.Image:
    return Pillow.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """Return a small PNG whose header claims a huge picture."""
    png = encode(Pillow.new("L", (8, 8)), "PNG")
    import zlib

    header = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


@cache
def odd_files() -> dict[str, bytes]:
    """Return pictures that both timm's and transformers' loaders read like plain RGB ones."""
    base = photo()
    small = base.resize((97, 61))
    glass = base.convert("RGBA")
    glass.putalpha(base.convert("L").point(lambda level: 255 if level > 90 else 40))
    indexed = base.quantize(64)
    frames = [small, small.rotate(180)]
    return {
        "jpeg": encode(base, "JPEG", quality=92),
        "progressive": encode(base, "JPEG", progressive=True),
        "greyscale": encode(base.convert("L"), "PNG"),
        "black-and-white": encode(base.convert("1"), "PNG"),
        "palette": encode(indexed, "PNG"),
        "palette-transparent": encode(indexed, "PNG", transparency=3),
        "palette-half-transparent": encode(indexed, "PNG", transparency=bytes(range(0, 256, 4))),
        "rgba": encode(glass, "PNG"),
        "grey-alpha": encode(glass.convert("LA"), "PNG"),
        "cmyk": encode(base.convert("CMYK"), "JPEG"),
        "cmyk-tiff": encode(base.convert("CMYK"), "TIFF"),
        "one-pixel-wide": encode(base.resize((1, 40)), "PNG"),
        "one-pixel-high": encode(base.resize((40, 1)), "PNG"),
        "one-pixel": encode(base.resize((1, 1)), "PNG"),
        "tiny": encode(base.resize((5, 7)), "BMP"),
        "odd-margins": encode(base.resize((301, 227)), "PNG"),
        "animated-gif": encode(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "animated-webp": encode(
            frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True
        ),
        "huge": encode(base.resize((3000, 2000)), "JPEG", quality=60),
        "webp": encode(base, "WEBP"),
        "avif": encode(base, "AVIF"),
        "jpeg2000": encode(small, "JPEG2000"),
        "portable": encode(small, "PPM"),
    }
