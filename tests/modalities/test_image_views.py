"""Views are pure functions, of the prepared shape; golden pictures are the same everywhere."""

import base64
import hashlib
import io

import numpy as np
import pytest
from PIL import Image as Pillow

from headstart.modalities.image import Image
from headstart.schema import ImageSpec
from tests.modalities.odd_pictures import photo

IMAGE = Image()
SPECS = [
    ImageSpec(size=(96, 96), resize=("shortest", 110), crop=(96, 96)),
    ImageSpec(size=(64, 80), resize=("exact", 64, 80), crop=None, engine="torch"),
    ImageSpec(
        size=(28, 28), resize=("exact", 28, 28), crop=None, mean=(0.5,), std=(0.5,), channels=1
    ),
]


@pytest.mark.parametrize("spec", SPECS)
def test_a_view_is_a_pure_function_of_key_and_number(spec):
    picture = photo()
    before = picture.tobytes()
    first = IMAGE.view(picture, spec, "key", 3)["x"]
    np.random.seed(7)
    assert np.array_equal(first, IMAGE.view(picture.copy(), spec, "key", 3)["x"])
    assert not np.array_equal(first, IMAGE.view(picture, spec, "key", 4)["x"])
    assert not np.array_equal(first, IMAGE.view(picture, spec, "other", 3)["x"])
    assert first.shape == IMAGE.prepare(picture, spec)["x"].shape
    assert first.dtype == np.uint8
    assert picture.tobytes() == before


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 5), (2000, 60)])
def test_every_shape_has_views(size):
    picture = photo().resize(size)
    for number in range(10):
        assert IMAGE.view(picture, SPECS[0], "key", number)["x"].shape == (3, 96, 96)


def test_views_differ_but_keep_to_the_picture():
    picture = photo()
    views = [IMAGE.view(picture, SPECS[0], "key", number)["x"] for number in range(40)]
    assert len({view.tobytes() for view in views}) == 40
    plain = IMAGE.prepare(picture, SPECS[0])["x"].mean()
    means = np.array([view.mean() for view in views])
    assert means.std() > 2
    assert abs(means.mean() - plain) < 0.25 * plain


def test_golden_pictures_are_the_same_on_every_machine():
    pictures = IMAGE.golden(ImageSpec(), 0, 3)
    digests = [hashlib.sha256(p.tobytes()).hexdigest()[:12] for p in pictures]
    assert digests == GOLDEN
    assert [p.tobytes() for p in IMAGE.golden(ImageSpec(), 0, 3)] == [p.tobytes() for p in pictures]
    other = IMAGE.golden(ImageSpec(), 1, 1)[0]
    assert other.tobytes() not in {p.tobytes() for p in pictures}
    for picture in pictures:
        assert np.asarray(picture).std() > 20


GOLDEN = ["5d3a0f820896", "4c8d14ad8cd0", "618bd1415dda"]


def test_shown_pictures_are_small():
    shown = IMAGE.show(photo())
    assert shown["kind"] == "picture"
    with Pillow.open(io.BytesIO(base64.b64decode(shown["data"]))) as small:
        assert small.format == "JPEG"
        assert max(small.size) == 160
    with Pillow.open(
        io.BytesIO(base64.b64decode(IMAGE.show(photo().resize((900, 1)))["data"]))
    ) as (strip):
        assert strip.size == (160, 1)
