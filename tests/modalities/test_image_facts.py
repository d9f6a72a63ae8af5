"""What files say of themselves, and JPEGs that were damaged on the way yet decode."""

import numpy as np
import pytest
from PIL import Image as Pillow

from headstart.errors import UnreadableInput
from headstart.modalities.image import Image
from headstart.modalities.image_damage import find_damage
from tests.data import data_folder
from tests.modalities.odd_pictures import encode, odd_files, photo, turned

IMAGE = Image()
WAYS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimised": {"optimize": True},
    "no colour saved": {"subsampling": 0},
    "coarse": {"quality": 20},
    "fine": {"quality": 98, "progressive": True},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_sound_jpegs_are_sound(way, mode):
    for size in ((1, 1), (8, 8), (17, 33), (200, 131)):
        data = encode(photo().resize(size).convert(mode), "JPEG", **WAYS[way])
        assert find_damage(data) is None, size
        assert find_damage(data + b"more after the end" * 9) is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lost", [True, False])
def test_a_dozen_lost_or_added_bytes_are_noticed(way, lost):
    random = np.random.default_rng(3)
    data = encode(photo().resize((320, 240)), "JPEG", **WAYS[way])
    start = data.index(b"\xff\xda") + 14
    # In a progressive file only the first pass is followed: about the first seventh of the data.
    stop = start + (len(data) - start) // (16 if "progressive" in WAYS[way] else 2)
    found = 0
    for _ in range(20):
        hurt = bytearray(data)
        for place in sorted((int(x) for x in random.integers(start, stop, 12)), reverse=True):
            if lost:
                del hurt[place]
            else:
                hurt.insert(place, 0x0D)
        found += find_damage(bytes(hurt)) is not None
    assert found > 10


def test_what_is_no_jpeg_is_left_to_the_reader():
    for data in (b"", b"\xff\xd8", b"\xff\xd8\xff\xda\0\3\1", b"text", b"\xff\xd8" + b"\0" * 99):
        assert find_damage(data) is None
    random = np.random.default_rng(0)
    data = encode(photo().resize((60, 40)), "JPEG", progressive=True)
    for _ in range(60):
        hurt = bytearray(data)
        for place in random.integers(2, 400, 5):
            hurt[place] = int(random.integers(256))
        find_damage(bytes(hurt))  # Whatever it says, it raises nothing.


@pytest.mark.data
@pytest.mark.parametrize("name", ["ants_bees", "flowers5", "brain_mri", "blood_cells"])
def test_no_false_alarm_on_real_photos(name):
    paths = [path for path in sorted(data_folder("images", name).rglob("*")) if path.is_file()]
    damaged = []
    for path in paths[:: max(1, len(paths) // 150)]:
        if IMAGE.accepts(path) and IMAGE.facts(path)["damaged"]:
            damaged.append(path.name)
    assert damaged == []


def test_facts(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(turned(photo().resize((60, 30)), 6))
    facts = IMAGE.facts(path)
    assert facts["format"] == "JPEG"
    assert ".png" not in facts["fits"]
    assert ".jpg" in facts["fits"]
    assert (facts["width"], facts["height"], facts["aspect"]) == (60, 30, 2.0)
    assert facts["mode"] == "RGB"
    assert facts["orientation"] == 6
    assert facts["bytes"] == path.stat().st_size
    assert facts["bytes per pixel"] == round(path.stat().st_size / 1800, 4)
    assert facts["damaged"] is False
    odd = odd_files()
    assert IMAGE.facts(odd["animated-gif"])["frames"] == 2
    assert IMAGE.facts(odd["palette"])["mode"] == "P"
    assert IMAGE.facts(np.zeros((4, 6), np.uint8))["width"] == 6
    assert IMAGE.facts(Pillow.new("L", (5, 7)))["height"] == 7
    for data in odd.values():
        assert isinstance(IMAGE.facts(data)["bytes"], int)


def test_facts_of_what_is_no_picture(tmp_path):
    for data in (b"", b"nothing", b"\xff\xd8\xff"):
        path = tmp_path / "x.jpg"
        path.write_bytes(data)
        with pytest.raises(UnreadableInput):
            IMAGE.facts(path)
