"""From a file, bytes, an array or a Pillow picture to upright 8-bit RGB, and what that decides.

- The orientation that a camera notes in EXIF is applied, as transformers does and timm does not:
  a person sees the picture upright, so the model should.
- Transparency is dropped, not laid on a background, because both timm's and transformers' loaders
  call `convert("RGB")`, and the checkpoints were trained behind them.
- 16-bit pictures are scaled to 8 bits over the whole range of the file's number type. `convert`
  in timm and transformers clips them at 255 instead, which leaves almost all of them white.
- Of an animation, the first frame counts.
"""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from headstart.errors import UnreadableInput

FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".mpo"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "DIB": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "JPEG2000": (".jp2", ".j2k", ".jpx"),
    "AVIF": (".avif",),
}
"""The formats that are tried, with the endings that fit each. The list is closed on purpose: some
of Pillow's other decoders start programs (Ghostscript, for EPS) on whatever they are given."""

MOST_PIXELS = 178_956_970
"""More than this is refused as a decompression bomb; it is where Pillow itself refuses."""

_AGAIN = "Export it again from where it came, or leave it out."
_MAGIC = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"RIFF", "WebP"),
    (b"BM", "BMP"),
)
_quiet_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's own warnings from the person: what matters of them is raised as an error.

    Warning filters belong to the whole process, so one thread at a time changes them, and only
    around the parsing of headers, never around the decoding of pixels.
    """
    with _quiet_lock, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
        yield


def read_picture(source: Any) -> Pillow.Image:
    """Decode `source` fully into an upright RGB picture, or raise `UnreadableInput`."""
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Pillow.Image):
        return _finish(source, "the picture")
    with open_picture(source) as image:
        return _finish(image, name_of(source))


def name_of(source: Any) -> str:
    """Return how messages call a source."""
    if not isinstance(source, str | Path):
        return "the picture"
    plain = "".join(letter if letter.isprintable() else "\ufffd" for letter in Path(source).name)
    return f"'{plain}'"


@contextmanager
def open_picture(source: str | Path | bytes) -> Iterator[Pillow.Image]:
    """Open a picture as far as its header says, or raise `UnreadableInput` with the cause."""
    name = name_of(source)
    stream = open_bytes(source)
    with stream:
        try:
            with quiet():
                image = Pillow.open(stream, formats=_formats_here())
        except Pillow.DecompressionBombError:
            raise _too_large(name) from None
        except UnidentifiedImageError:
            raise _not_a_picture(name, stream) from None
        except Exception as error:
            # A hostile header can make a parser fail in any way; none of them may pass as ours.
            raise _broken(name, error) from None
        if image.width * image.height > MOST_PIXELS:
            raise _too_large(name)
        with image:
            yield image


@cache
def _formats_here() -> list[str]:
    """Return those of `FORMATS` that this build of Pillow can open."""
    Pillow.init()
    return [name for name in FORMATS if name in Pillow.OPEN]


def open_bytes(source: str | Path | bytes) -> IO[bytes]:
    """Open what holds a picture's bytes, or raise `UnreadableInput`: missing, a folder, empty."""
    name = name_of(source)
    if not isinstance(source, str | os.PathLike | bytes):
        raise UnreadableInput(
            f"What is of the type {type(source).__name__} is no picture.",
            "Give a path, a Pillow picture, an array or the bytes of a file.",
        )
    if isinstance(source, bytes):
        stream: IO[bytes] = io.BytesIO(source)
    else:
        try:
            stream = Path(source).expanduser().open("rb")
        except FileNotFoundError:
            raise UnreadableInput(
                f"There is no file {name}.", "Check the path; relative paths start where you are."
            ) from None
        except IsADirectoryError:
            raise UnreadableInput(
                f"{name} is a folder, not a picture.", "Name the files inside it."
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UnreadableInput(
                f"{name} cannot be opened: {reason}.", "Check its permissions and its name."
            ) from None
    if not stream.peek(1) if isinstance(stream, io.BufferedReader) else source == b"":
        stream.close()
        raise UnreadableInput(f"{name} is empty: it has 0 bytes.", _AGAIN)
    return stream


def _finish(image: Pillow.Image, name: str) -> Pillow.Image:
    if image.width * image.height == 0:
        raise UnreadableInput(f"{name} has no pixels: {image.width} x {image.height}.", _AGAIN)
    try:
        if image.format == "TIFF":
            with quiet():  # The only decoder that still reads headers while it decodes.
                image.load()
        else:
            image.load()
        return _turn_upright(_to_rgb(image))
    except UnreadableInput:
        raise
    except MemoryError:
        raise _too_large(name) from None
    except Exception as error:
        # Decoders raise whatever their parsing stumbles over, from OSError to struct.error.
        raise _broken(name, error) from None


def _turn_upright(image: Pillow.Image) -> Pillow.Image:
    if not {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"} & image.info.keys():
        return image
    with quiet():
        try:
            turned: int = image.getexif().get(0x0112, 1)
        except Exception:
            return image  # Broken notes beside sound pixels are no reason to lose the picture.
    return ImageOps.exif_transpose(image) if turned != 1 else image


def _to_rgb(image: Pillow.Image) -> Pillow.Image:
    if image.mode == "RGB":
        return image
    notes = {key: value for key, value in image.info.items() if key in ("exif", "xmp")}
    if image.mode.startswith("I") or image.mode == "F":
        image = Pillow.fromarray(_to_eight_bits(np.asarray(image)))
    elif image.mode == "RGBa":
        image = image.convert("RGBA")
    elif image.mode == "La":
        image = image.convert("LA")
    # Pillow warns about transparency that `convert` would drop in silence once it is gone.
    transparency = image.info.pop("transparency", None)
    try:
        result = image.convert("RGB")
    finally:
        if transparency is not None:
            image.info["transparency"] = transparency
    result.info.update(notes)
    return result


def _to_eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Scale greyscale of more than 8 bits over the range of its kind of number.

    The kind is told by the type or, for 32-bit files that carry narrower data, by the largest
    value. Only 32-bit data outside every such range is stretched from its own least to most.
    """
    if pixels.dtype == np.uint16:
        return _scale(pixels, 0.0, 65535.0)
    finite = np.nan_to_num(pixels.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    if low >= 0:
        limits = (255.0, 65535.0) if pixels.dtype.kind in "iu" else (1.0, 255.0, 65535.0)
        for limit in limits:
            if high <= limit:
                return _scale(finite, 0.0, limit)
    return _scale(finite, low, max(high, low + 1))


def _scale(pixels: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = (pixels.astype(np.float32) - low) * (255.0 / (high - low))
    levels: np.ndarray = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return levels


def _from_array(array: np.ndarray) -> Pillow.Image:
    grey = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 1)
    if not grey and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise UnreadableInput(
            f"An array of shape {array.shape} is no picture: height x width, with 1, 3 or 4 "
            "channels last, was expected.",
            "Move the channels last and pass one picture at a time.",
        )
    if 0 in array.shape:
        raise UnreadableInput(f"An array of shape {array.shape} has no pixels.", _AGAIN)
    flat = array.reshape(array.shape[:2]) if grey else array[:, :, :3]
    return Pillow.fromarray(np.ascontiguousarray(_array_to_eight_bits(flat))).convert("RGB")


def _array_to_eight_bits(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return _scale(array, 0.0, 65535.0)
    if array.dtype.kind == "f":
        # NaN fails both comparisons, so it is refused with the values out of range.
        if not (array.min() >= 0.0 and array.max() <= 1.0):
            raise UnreadableInput(
                "An array of fractions with values outside 0 to 1 is no picture.",
                "Scale it to 0..1, or pass 8-bit integers.",
            )
        return _scale(array, 0.0, 1.0)
    raise UnreadableInput(
        f"An array of {array.dtype} is no picture: uint8, uint16, bool or fractions in 0..1 "
        "were expected.",
        "Convert it to uint8.",
    )


def _too_large(name: str) -> UnreadableInput:
    return UnreadableInput(
        f"{name} claims more than {MOST_PIXELS:,} pixels, too many to unpack safely.",
        "If it is a real picture, scale it down first.",
    )


def _not_a_picture(name: str, stream: IO[bytes]) -> UnreadableInput:
    stream.seek(0)
    start = stream.read(16)
    if start[4:8] == b"ftyp":
        return UnreadableInput(
            f"{name} is a HEIC picture or a film, which is not read here.", "Convert it to JPEG."
        )
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return UnreadableInput(
                f"{name} begins like a {kind} and is damaged after that.", _AGAIN
            )
    return UnreadableInput(
        f"{name} is not a picture in a known format; it starts with {start[:8]!r}.",
        "Convert it to JPEG or PNG, or leave it out.",
    )


def _broken(name: str, error: Exception) -> UnreadableInput:
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    cut = "truncated" in reason.lower() or "premature" in reason.lower()
    cause = "is cut off" if cut else "is damaged"
    return UnreadableInput(f"{name} {cause}: {reason[:160]}.", _AGAIN)
