"""Near-duplicates are found and look-alikes are not: figures over the public sets."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageEnhance

from headstart.errors import UnreadableInput
from headstart.modalities.image import Image
from tests.data import data_folder
from tests.modalities.odd_pictures import photo

IMAGE = Image()


def again(picture, quality):
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return IMAGE.read(stream.getvalue())


def scale(picture, factor):
    size = [max(1, round(side * factor)) for side in picture.size]
    return picture.resize(size, Pillow.Resampling.BICUBIC)


CHANGES = {
    "JPEG at 50": lambda picture: again(picture, 50),
    "JPEG at 90": lambda picture: again(picture, 90),
    "half size": lambda picture: scale(picture, 0.5),
    "double size": lambda picture: scale(picture, 2),
    "half size, JPEG at 75": lambda picture: again(scale(picture, 0.5), 75),
    "5 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.05),
    "5 % darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.95),
}


def read_all(*parts):
    pictures, names = [], []
    folder = data_folder(*parts)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and IMAGE.accepts(path):
            try:
                pictures.append(IMAGE.read(path))
            except UnreadableInput:
                continue
            names.append(path.relative_to(folder).as_posix())
    return pictures, names


def sketches(pictures):
    return np.stack([IMAGE.sketch(picture) for picture in pictures])


@pytest.mark.data
@pytest.mark.parametrize(
    ("parts", "groups"),
    [
        (("images", "ants_bees"), 0),
        (("images", "flowers5"), 0),
        (("images", "blood_cells"), 0),
        (("images", "fashion900"), 0),
        (("images_dirty", "chest_xray"), 0),
        # Looked at one by one: 22 groups hold copies of one file, and all 59 pairs show one scan.
        (("images", "brain_mri"), 32),
    ],
)
def test_nothing_false_is_merged_and_changed_copies_are_found(parts, groups):
    pictures, _ = read_all(*parts)
    known = sketches(pictures)
    found = IMAGE.twins(known)
    assert len(found) == groups
    chosen = range(0, len(pictures), max(1, len(pictures) // 25))
    tiny = parts[1] == "fashion900"
    for what, change in CHANGES.items():
        changed = sketches([change(pictures[at]) for at in chosen])
        merged = IMAGE.twins(np.concatenate([known, changed]))
        home = {row: number for number, group in enumerate(merged) for row in group}
        hits = [
            home.get(at, -1) == home.get(len(known) + place, -2) for place, at in enumerate(chosen)
        ]
        if tiny and what in ("JPEG at 50", "half size", "double size", "half size, JPEG at 75"):
            continue  # 28 x 28 pixels keep too little of themselves to be told from look-alikes.
        assert np.mean(hits) >= 0.96, what
        # A changed copy must not draw two different pictures together either.
        originals = {row for group in found for row in group}
        for group in merged:
            plain = {row for row in group if row < len(known)}
            assert len(plain) < 2 or plain <= originals, what


def test_a_mirrored_or_turned_picture_is_no_twin():
    picture = photo()
    others = [
        picture.transpose(turn)
        for turn in (
            Pillow.Transpose.FLIP_LEFT_RIGHT,
            Pillow.Transpose.FLIP_TOP_BOTTOM,
            Pillow.Transpose.ROTATE_180,
        )
    ]
    assert IMAGE.twins(sketches([picture, *others])) == []


def test_a_grey_or_inverted_picture_is_no_twin():
    picture = photo()
    grey = picture.convert("L").convert("RGB")
    inverted = picture.point(lambda level: 255 - level)
    swapped = Pillow.merge("RGB", picture.split()[::-1])
    assert IMAGE.twins(sketches([picture, inverted, swapped])) == []
    coloured = ImageEnhance.Color(picture).enhance(3)
    assert IMAGE.twins(sketches([coloured, grey])) == []


def page(number):
    """Draw a page of text: all pages have the same lines, none the same letters."""
    letters = np.random.default_rng(number)
    sheet = Pillow.new("RGB", (420, 594), "white")
    pen = ImageDraw.Draw(sheet)
    for line in range(30):
        text = "".join(chr(letters.integers(97, 123)) for _ in range(int(letters.integers(30, 60))))
        pen.text((30, 20 + 18 * line), text, fill="black")
    return sheet


def test_pages_of_text_are_told_apart():
    pages = [page(number) for number in range(12)]
    assert IMAGE.twins(sketches(pages)) == []
    assert IMAGE.twins(sketches([*pages, again(pages[3], 60)])) == [[3, 12]]


def test_a_small_mark_makes_another_picture():
    plain = scale(photo(), 0.8)
    marked = plain.copy()
    ImageDraw.Draw(marked).rectangle((100, 100, 130, 130), fill="white")
    ImageDraw.Draw(marked).rectangle((105, 105, 125, 125), fill="black")
    assert IMAGE.twins(sketches([plain, marked])) == []


def test_plain_areas_are_twins_only_of_their_own_colour():
    plain = [Pillow.new("RGB", (64, 64), colour) for colour in ("white", "black", "red", "white")]
    assert IMAGE.twins(sketches(plain)) == [[0, 3]]


def test_groups_are_whole_and_in_order():
    one, other = photo(), photo().rotate(90, expand=True)
    rows = sketches([one, other, again(one, 70), other, scale(one, 0.7), other.convert("RGB")])
    assert IMAGE.twins(rows) == [[0, 2, 4], [1, 3, 5]]
    assert IMAGE.twins(rows[:1]) == []
    assert IMAGE.twins(rows[:0]) == []


def test_pairs_are_found_across_blocks(monkeypatch):
    from headstart.modalities import image_twins

    random = np.random.default_rng(1)
    smooth = np.cumsum(np.cumsum(random.normal(size=(60, 32, 32)), 1), 2)
    smooth -= smooth.min((1, 2), keepdims=True)
    smooth *= 255 / smooth.max((1, 2), keepdims=True)
    pictures = [Pillow.fromarray(each.astype(np.uint8)).convert("RGB") for each in smooth]
    pictures += [again(picture, 95) for picture in pictures]
    rows = sketches(pictures)
    whole = IMAGE.twins(rows)
    assert whole == [[number, number + 60] for number in range(60)]
    monkeypatch.setattr(image_twins, "ROWS", 7)
    monkeypatch.setattr(image_twins, "COLUMNS", 11)
    monkeypatch.setattr(image_twins, "PAIRS", 3)
    assert IMAGE.twins(rows) == whole
