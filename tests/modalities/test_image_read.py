"""Whatever a person hands over is read upright and whole, or refused with a cause and a cure."""

import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image as Pillow

from headstart.errors import UnreadableInput
from headstart.modalities.image import Image
from tests.modalities.odd_pictures import bomb, encode, odd_files, photo, sixteen_bit, turned

IMAGE = Image()


def near(one, other, most):
    return np.abs(np.asarray(one, int) - np.asarray(other, int)).mean() <= most


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_by_exif_is_read_upright(orientation):
    undo = {
        2: Pillow.Transpose.FLIP_LEFT_RIGHT,
        3: Pillow.Transpose.ROTATE_180,
        4: Pillow.Transpose.FLIP_TOP_BOTTOM,
        5: Pillow.Transpose.TRANSPOSE,
        6: Pillow.Transpose.ROTATE_90,
        7: Pillow.Transpose.TRANSVERSE,
        8: Pillow.Transpose.ROTATE_270,
    }
    upright = photo().resize((120, 80))
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    assert near(IMAGE.read(turned(stored, orientation)), upright, 4)


def test_sixteen_bits_keep_their_greys():
    grey = photo().convert("L").resize((60, 40))
    for kind in ("PNG", "TIFF"):
        found = IMAGE.read(encode(sixteen_bit(grey), kind))
        assert np.array_equal(np.asarray(found)[:, :, 1], np.asarray(grey))


def test_floating_point_tiffs_keep_their_greys():
    grey = photo().convert("L").resize((60, 40))
    for scale in (1 / 255, 1.0, 257.0):
        floats = Pillow.fromarray(np.asarray(grey, np.float32) * np.float32(scale))
        assert near(np.asarray(IMAGE.read(encode(floats, "TIFF")))[:, :, 0], grey, 0.51)


@pytest.mark.parametrize(
    "turn",
    [
        lambda rgb: rgb,
        lambda rgb: rgb.astype(np.float32) / 255,
        lambda rgb: rgb.astype(np.float64) / 255,
        lambda rgb: rgb.astype(np.uint16) * 257,
        lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 7, np.uint8)]),
        lambda rgb: Pillow.fromarray(rgb),
        lambda rgb: encode(Pillow.fromarray(rgb), "PNG"),
    ],
)
def test_one_picture_in_any_form(turn):
    rgb = np.asarray(photo().resize((33, 21)))
    assert np.array_equal(np.asarray(IMAGE.read(turn(rgb))), rgb)


@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 1)])
def test_grey_arrays(shape):
    grey = np.arange(72, dtype=np.uint8).reshape(shape)
    found = np.asarray(IMAGE.read(grey))
    assert np.array_equal(found, np.repeat(grey.reshape(9, 8, 1), 3, axis=2))
    ones = np.asarray(IMAGE.read(grey.reshape(9, 8) > 10))
    assert set(np.unique(ones)) == {0, 255}


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((3, 50, 40), np.uint8), "channels last"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (np.zeros((4, 4, 2), np.uint8), "channels last"),
        (np.zeros(12, np.uint8), "height x width"),
        (np.full((4, 4), 200.0), "outside 0 to 1"),
        (np.full((4, 4), np.nan), "outside 0 to 1"),
        (np.zeros((4, 4), np.int64), "int64"),
        (np.array([["a", "b"]]), "no picture"),
    ],
)
def test_arrays_that_are_no_pictures(array, says):
    with pytest.raises(UnreadableInput, match=says) as caught:
        IMAGE.read(array)
    assert caught.value.hint


def cut(data, part):
    return data[: int(len(data) * part)]


BROKEN = {
    "nothing": (b"", "0 bytes"),
    "a cut JPEG": (cut(encode(photo(), "JPEG"), 0.5), "cut off"),
    "a cut PNG": (cut(encode(photo(), "PNG"), 0.5), "cut off|damaged"),
    "a cut GIF": (cut(encode(photo(), "GIF"), 0.5), "cut off|damaged"),
    "a cut TIFF": (cut(encode(photo(), "TIFF", compression="tiff_lzw"), 0.5), "cut off|damaged"),
    "a cut WebP": (cut(encode(photo(), "WEBP"), 0.5), "cut off|damaged"),
    "only a JPEG's start": (b"\xff\xd8\xff\xe0", "not a picture|damaged|cut off"),
    "text": (b"<html><body>Not found</body></html>", "not a picture"),
    "a HEIC photo": (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a picture"),
    "a bomb": (bomb(), "too many|more than"),
    "zeros": (b"\0" * 500, "not a picture"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_read_says_why(what, tmp_path):
    data, says = BROKEN[what]
    path = tmp_path / "it.jpg"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        with pytest.raises(UnreadableInput, match=says) as caught:
            IMAGE.read(source)
        assert "\n" not in caught.value.message
        assert caught.value.hint
    assert "'it.jpg'" in caught.value.message


def test_damage_within_does_not_raise_anything_else():
    random = np.random.default_rng(0)
    for data in odd_files().values():
        if len(data) > 200_000:
            continue
        for _ in range(8):
            changed = bytearray(data)
            for place in random.integers(0, min(len(data), 600), 6):
                changed[place] = int(random.integers(256))
            with suppress(UnreadableInput):
                IMAGE.read(bytes(changed))


def test_no_such_file_and_a_folder(tmp_path):
    with pytest.raises(UnreadableInput, match=r"no file 'none\.png'"):
        IMAGE.read(tmp_path / "none.png")
    with pytest.raises(UnreadableInput, match="is a folder"):
        IMAGE.read(tmp_path)
    with pytest.raises(UnreadableInput, match="no file"):
        IMAGE.fingerprint(tmp_path / "none.png")


def test_a_large_picture_is_read_without_a_warning(monkeypatch):
    # Half a pixel count above which Pillow warns, a quarter of the one at which it refuses.
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 1500)
    data = encode(Pillow.new("RGB", (50, 40), "red"), "PNG")
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        sizes = {picture.size for picture in pool.map(IMAGE.read, [data] * 40)}
    assert sizes == {(50, 40)}
    assert warnings.filters == before


def test_a_hostile_name(tmp_path):
    path = tmp_path / "<script>alert('x')\n%s {}.png"
    path.write_bytes(encode(photo().resize((8, 8)), "PNG"))
    assert IMAGE.read(path).size == (8, 8)
    path.write_bytes(b"no picture")
    with pytest.raises(UnreadableInput) as caught:
        IMAGE.read(path)
    assert "\n" not in caught.value.message


def test_fingerprints(tmp_path):
    data = encode(photo().resize((30, 20)), "PNG")
    one, other = tmp_path / "one.png", tmp_path / "other.gif"
    one.write_bytes(data)
    other.write_bytes(data)
    assert IMAGE.fingerprint(one) == IMAGE.fingerprint(str(other)) == IMAGE.fingerprint(data)
    rgb = np.asarray(photo().resize((30, 20)))
    assert IMAGE.fingerprint(rgb) == IMAGE.fingerprint(rgb.copy())
    assert IMAGE.fingerprint(rgb) != IMAGE.fingerprint(rgb[::-1])
    assert IMAGE.fingerprint(rgb) != IMAGE.fingerprint(rgb.reshape(15, 40, 3))
    picture = Pillow.fromarray(rgb)
    assert IMAGE.fingerprint(picture) == IMAGE.fingerprint(picture.copy())
    assert IMAGE.fingerprint(picture) != IMAGE.fingerprint(picture.rotate(180))
    palette = picture.quantize(8)
    other_colours = palette.copy()
    other_colours.putpalette(list(reversed(palette.getpalette())))
    assert IMAGE.fingerprint(palette) != IMAGE.fingerprint(other_colours)


def test_the_persons_picture_is_left_as_it_was():
    picture = photo().resize((20, 20)).quantize(16)
    picture.info["transparency"] = bytes(range(16))
    IMAGE.read(picture)
    assert picture.mode == "P"
    assert picture.info["transparency"] == bytes(range(16))


def test_what_is_accepted(tmp_path):
    for source in ("a.JPG", tmp_path / "b.webp", b"", photo(), np.zeros((4, 4, 3), np.uint8)):
        assert IMAGE.accepts(source)
    for source in ("a.txt", "jpg", 3, None, np.zeros(4), np.zeros((3, 9, 9)), io.BytesIO()):
        assert not IMAGE.accepts(source)
