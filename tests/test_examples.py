"""The data that headstart makes by itself."""

import numpy as np
from PIL import Image

from headstart.examples.leaves import KINDS, draw_leaves


def test_leaves_are_the_same_every_time(tmp_path):
    calls = []
    for folder in ("one", "two"):
        draw_leaves(tmp_path / folder, 2, lambda: calls.append(1))
    one = sorted((tmp_path / "one").rglob("*.jpg"))
    assert len(one) == len(calls) / 2 == 12
    assert {path.parent.name for path in one} == set(KINDS)
    for path in one:
        again = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == again.read_bytes()


def test_no_two_leaves_look_alike(tmp_path):
    draw_leaves(tmp_path, 3)
    pictures = [np.asarray(Image.open(path), float) for path in sorted(tmp_path.rglob("*.jpg"))]
    gaps = [
        np.abs(one - other).mean() for at, one in enumerate(pictures) for other in pictures[:at]
    ]
    assert min(gaps) > 10
