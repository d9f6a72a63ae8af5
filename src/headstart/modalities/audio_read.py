"""From a file, a part of one, or samples in memory to mono samples, and what that decides.

- Channels are mixed by their mean: where a microphone stood is not what a label is about.
- Whole numbers of any width become -1..1; the rate stays the recording's own until a backbone's
  specification asks for another (`audio_prepare`).
- Of a recording longer than two minutes, twelve stretches of ten seconds are heard, evenly spread,
  so that memory is bounded whatever comes. Give segments (start and end columns) to hear others.
- A file that ends before its header says is refused, as half a picture is: what is missing may be
  what the label is about.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from headstart.errors import UnreadableInput, UserError
from headstart.modalities.audio_whole import bytes_missing
from headstart.schema import Stretch

FORMATS: dict[str, tuple[str, ...]] = {
    "WAV": (".wav", ".wave"),
    "WAVEX": (".wav", ".wave"),
    "RF64": (".wav", ".rf64"),
    "W64": (".w64",),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3",),
    "AIFF": (".aiff", ".aif", ".aifc"),
    "AU": (".au", ".snd"),
    "CAF": (".caf",),
}
"""The formats that are read, by libsndfile's names, with the endings that fit each."""

STARTS = (
    b"RIFF", b"RF64", b"riff", b"fLaC", b"OggS", b"FORM", b".snd", b"caff", b"ID3",
    b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2", b"\xff\xe3",
)  # fmt: skip
"""How files of these formats begin."""

MOST_SECONDS = 120.0
STRETCH_SECONDS = 10.0
LEAST_SECONDS = 0.01
PAST_END = 0.05
"""A segment may end this much after its recording: tables round."""

MOST_RATE = 768_000
_AGAIN = "Export it again from where it came, or leave it out."
_CONVERT = "Convert it first, for instance: ffmpeg -i FILE -vn FILE.wav"
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (4, b"ftypM4A", "AAC in an MP4 container", _CONVERT),
    (4, b"ftyp", "a video (MP4)", _CONVERT),
    (0, b"\x1aE\xdf\xa3", "a video (Matroska or WebM)", _CONVERT),
    (8, b"AVI ", "a video (AVI)", _CONVERT),
    (0, b"0&\xb2u", "Windows Media", _CONVERT),
    (0, b"\xff\xd8\xff", "a picture (JPEG)", "Leave it out."),
    (0, b"\x89PNG", "a picture (PNG)", "Leave it out."),
    (0, b"PK\x03\x04", "a zip archive", "Unpack it first."),
    (0, b"%PDF", "a PDF", "Leave it out."),
)


@dataclass(frozen=True)
class Sound:
    """Decoded sound: mono float32 samples, and how many there are a second.

    `seconds` is how long the whole recording lasts, of which `wave` may be a part.
    """

    wave: np.ndarray
    rate: int
    seconds: float


def read_sound(source: Any) -> Sound:
    """Decode `source`, or raise `UnreadableInput` saying why it cannot be."""
    if isinstance(source, Sound):
        return source
    if isinstance(source, tuple):
        return _from_samples(*source)
    with open_sound(source) as file:
        name = name_of(source)
        begin, count = _bounds(source, file.frames, file.samplerate, name)
        seconds = count / file.samplerate
        if seconds < LEAST_SECONDS:
            raise _too_short(name, count, file.samplerate)
        if seconds <= MOST_SECONDS:
            parts = [_decode(file, begin, count, name)]
        else:
            long = int(STRETCH_SECONDS * file.samplerate)
            starts = np.linspace(begin, begin + count - long, int(MOST_SECONDS / STRETCH_SECONDS))
            parts = [_decode(file, int(start), long, name) for start in starts]
        return Sound(_sound(np.concatenate(parts), name), file.samplerate, seconds)


def _from_samples(samples: Any, rate: int) -> Sound:
    wave = np.asarray(samples)
    if np.issubdtype(wave.dtype, np.integer):
        # Unsigned samples stand around the middle of their range, as in 8-bit files.
        info = np.iinfo(wave.dtype)
        middle = 0 if info.min < 0 else (info.max + 1) / 2
        wave = (wave.astype(np.float64) - middle) / (info.max - middle + 1)
    wave = wave.astype(np.float32)
    wave = wave.mean(1) if wave.ndim == 2 else wave
    if len(wave) / rate < LEAST_SECONDS:
        raise _too_short("the sound", len(wave), rate)
    most = int(MOST_SECONDS * rate)
    if len(wave) > most:
        long = int(STRETCH_SECONDS * rate)
        starts = np.linspace(0, len(wave) - long, int(MOST_SECONDS / STRETCH_SECONDS)).astype(int)
        return Sound(
            _sound(np.concatenate([wave[at : at + long] for at in starts]), "the sound"),
            int(rate),
            len(wave) / rate,
        )
    return Sound(_sound(wave, "the sound"), int(rate), len(wave) / rate)


def _sound(wave: np.ndarray, name: str) -> np.ndarray:
    strange = int((~np.isfinite(wave)).sum())
    if strange:
        raise UnreadableInput(
            f"{name} holds {strange:,} samples that are no numbers (NaN or infinite).", _AGAIN
        )
    return wave


def name_of(source: Any) -> str:
    """Return how messages call a source."""
    if isinstance(source, Stretch):
        source = source.path
    if not isinstance(source, str | Path):
        return "the sound"
    plain = "".join(letter if letter.isprintable() else "\ufffd" for letter in Path(source).name)
    return f"'{plain}'"


@contextmanager
def open_sound(source: Any) -> Iterator[Any]:
    """Open a sound as far as its header says, or raise `UnreadableInput` with the cause."""
    soundfile = codecs()
    name, place = name_of(source), source.path if isinstance(source, Stretch) else source
    if isinstance(place, bytes):
        head, size = place[:4096], len(place)
        target: Any = io.BytesIO(place)
        missing = bytes_missing(target, size)
    elif isinstance(place, str | os.PathLike):
        path = Path(place).expanduser()
        head, size = _peek(path, name)
        target = path
        with path.open("rb") as stream:
            missing = bytes_missing(stream, size)
    else:
        raise UnreadableInput(
            f"What is of the type {type(place).__name__} is no sound.",
            "Give a path, the bytes of a file, or samples with their rate: (samples, 16000).",
        )
    if size == 0:
        raise UnreadableInput(f"{name} is empty: it has 0 bytes.", _AGAIN)
    if missing:
        raise UnreadableInput(
            f"{name} is cut short: {missing:,} bytes are missing that it announces.",
            "Copy it again from where it came, or leave it out.",
        )
    try:
        file = soundfile.SoundFile(target)
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        raise _not_a_sound(name, head, error) from None
    with file:
        if file.format not in FORMATS:
            raise UnreadableInput(f"{name} holds {file.format}, which is not read.", _CONVERT)
        if not 0 < file.samplerate <= MOST_RATE:
            raise UnreadableInput(f"{name} states {file.samplerate:,} samples a second.", _AGAIN)
        yield file


def _peek(path: Path, name: str) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            return file.read(4096), os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise UnreadableInput(
            f"There is no file {name}.", "Check the path; relative paths start where you are."
        ) from None
    except IsADirectoryError:
        raise UnreadableInput(
            f"{name} is a folder, not a sound.", "Name the files inside it."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableInput(
            f"{name} cannot be opened: {reason}.", "Check its permissions and its name."
        ) from None


def _bounds(source: Any, frames: int, rate: int, name: str) -> tuple[int, int]:
    """Return where what is wanted of a recording begins, and how many samples it has."""
    if not isinstance(source, Stretch):
        return 0, frames
    total = frames / rate
    end = total if source.end is None else source.end
    if not 0 <= source.start < end:
        raise UnreadableInput(
            f"The segment of {name} from {source.start:g} s to {end:g} s holds nothing.",
            "A segment begins at 0 or later and ends after it begins; times are seconds.",
        )
    if source.start >= total or end > total + PAST_END:
        raise UnreadableInput(
            f"The segment of {name} from {source.start:g} s to {end:g} s lies past the end: the "
            f"recording lasts {total:.2f} s.",
            "Check the start and end columns; times are seconds.",
        )
    begin = round(source.start * rate)
    return begin, min(frames, round(end * rate)) - begin


def _decode(file: Any, begin: int, count: int, name: str) -> np.ndarray:
    """Return `count` samples from `begin` on, channels mixed."""
    soundfile = codecs()
    try:
        if begin or file.tell():
            file.seek(begin)
        samples: np.ndarray = file.read(count, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise _broken(name, error) from None
    # MP3 files state their length roughly; half a second less is how they were encoded.
    slack = file.samplerate // 2 if file.format == "MP3" else 0
    if len(samples) + slack < count:
        raise UnreadableInput(
            f"{name} is cut short: its header announces {count / file.samplerate:.2f} s, and "
            f"{len(samples) / file.samplerate:.2f} s are there.",
            "Copy it again from where it came, or leave it out.",
        )
    mixed: np.ndarray = samples[:, 0] if samples.shape[1] == 1 else samples.mean(1)
    return mixed


def fingerprint(source: Any) -> str:
    """Return a hash of the content: of the file's bytes, and of which part of it is meant."""
    digest = hashlib.sha256()
    if isinstance(source, Sound | tuple):
        sound = read_sound(source)
        digest.update(f"samples {sound.rate} {len(sound.wave)}\n".encode())
        digest.update(np.ascontiguousarray(sound.wave).data)
    elif isinstance(source, bytes):
        digest.update(source)
    elif isinstance(source, Stretch):
        digest.update(f"{fingerprint(source.path)} {source.start!r} {source.end!r}".encode())
    else:
        return _of_file(Path(source))
    return digest.hexdigest()


def _of_file(path: Path) -> str:
    place = path.expanduser()
    _, size = _peek(place, name_of(path))
    if size == 0:
        raise UnreadableInput(f"{name_of(path)} is empty: it has 0 bytes.", _AGAIN)
    return _hash(str(place), size, place.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _hash(place: str, size: int, changed: int) -> str:
    # Many segments lie in one long recording, which is not read again for each of them.
    with open(place, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def codecs() -> Any:
    """Return soundfile, or say how to get it."""
    try:
        import soundfile
    except ImportError:
        raise not_installed("soundfile") from None
    return soundfile


def not_installed(library: str) -> UserError:
    """Return the error for a library that sounds need and that is not here."""
    return UserError(
        f"{library} is not installed, and sounds are read with it.",
        "Install it with `pip install headstart[audio]`.",
    )


def _not_a_sound(name: str, head: bytes, error: Exception) -> UnreadableInput:
    for at, magic, what, cure in _MAGIC:
        if head[at : at + len(magic)] == magic:
            return UnreadableInput(f"{name} is {what}, not a sound that is read.", cure)
    text = head.strip()
    if text and all(byte >= 32 or byte in b"\t\r\n\f" for byte in text):
        return UnreadableInput(f"{name} holds text, not sound.", "Leave it out, or get the sound.")
    if head.startswith(STARTS):
        return _broken(name, error)
    return UnreadableInput(
        f"{name} is no sound in a format that is read.",
        f"Read are {', '.join(sorted({end for ends in FORMATS.values() for end in ends}))}.",
    )


def _broken(name: str, error: Exception) -> UnreadableInput:
    said = " ".join(str(error).split()).rpartition(": ")[2].rstrip(".")
    if said.startswith("File does not exist"):  # it does: what does not is sound in it
        said = "no sound follows its header"
    return UnreadableInput(
        f"{name} is damaged or cut short ({said[:120] or type(error).__name__}).", _AGAIN
    )


def _too_short(name: str, count: int, rate: int) -> UnreadableInput:
    held = f"{count:,} sample{'' if count == 1 else 's'}"
    return UnreadableInput(
        f"{name} is too short to be heard: {held} at {rate:,} a second.",
        f"A sound lasts {LEAST_SECONDS:g} s at least.",
    )
