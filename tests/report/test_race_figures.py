"""Both pictures of a race as files: drawn from any race, with letters kept, and told if not."""

import sys
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from headstart.errors import StorageError, UserError
from headstart.report.race_figures import draw_figures
from tests.races import hostile, race


def letters(path):
    """Return the words of an SVG, which must be well-formed."""
    return " ".join(" ".join(ET.parse(path).getroot().itertext()).split())


@pytest.fixture(scope="module")
def small():
    return race(counts=(5, "all"), seeds=(0, 1))


def test_both_pictures_are_written_as_png_and_svg(tmp_path, small):
    files = draw_figures(small, tmp_path / "figures")
    assert [file.name for file in files] == [
        "training.png", "training.svg", "labels.png", "labels.svg"
    ]  # fmt: skip
    for file in files[::2]:
        with Image.open(file) as picture:
            assert picture.width > 900
            assert len(picture.convert("L").getcolors()) > 20
    training, labels = (letters(file) for file in files[1::2])
    for said in ("5 labels a class", "all labels", "epochs", "over 2 seeds", "partial"):
        assert said in training
    for said in ("labels a class, and in all", "128 sealed", "pixels + logistic regression"):
        assert said in labels


def test_the_same_race_gives_the_same_bytes(tmp_path, small):
    first, second = (draw_figures(small, tmp_path / name) for name in ("a", "b"))
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    "record",
    [race(seeds=(0,), counts=(5,)), race(names=("probe", "mine"), counts=(2, 5, 9, 12))],
    ids=["one run a strategy", "others"],
)
def test_small_races_are_drawn_too(tmp_path, record):
    assert all(file.stat().st_size > 1000 for file in draw_figures(record, tmp_path))


def test_with_one_seed_it_is_said(tmp_path):
    assert "of one seed" in letters(draw_figures(race(seeds=(0,), counts=(5,)), tmp_path)[3])


def test_hostile_names_are_drawn_as_text(tmp_path):
    record = hostile()
    record["baselines"][0]["name"] = "$\\frac{1$ & <b>"
    assert "$\\frac{1$ & <b>" in letters(draw_figures(record, tmp_path)[3])


def test_without_matplotlib_the_cure_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match="matplotlib") as refused:
        draw_figures(race(), tmp_path)
    assert "headstart[figures]" in refused.value.hint


def test_a_race_without_runs_or_from_another_version_is_refused(tmp_path):
    with pytest.raises(UserError, match="nothing to draw"):
        draw_figures({"format": 1}, tmp_path)
    with pytest.raises(UserError, match="format"):
        draw_figures(race() | {"format": 7}, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="taken"):
        draw_figures(race(), tmp_path / "taken")
