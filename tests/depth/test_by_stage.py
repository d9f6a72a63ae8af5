"""What each stage sees: its features alone, and the parts of pictures that excite it."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

import headstart as hs
from headstart import by_stage, patches
from headstart.backbones import known
from headstart.backbones.source import open_backbone
from headstart.registry import MODALITIES, TASKS
from headstart.report.pictures import kept_pictures
from headstart.report.words import pictured
from headstart.schema import Figure, Sample
from tests import words
from tests.bundled import lay_out
from tests.pictures import make_folder
from tests.sounds import folder_of_sounds
from tests.standing import save_tiny

IMAGE = MODALITIES.get("image")()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def tiny(weights, monkeypatch):
    """Put tiny nets in the place of the bundled ones."""
    monkeypatch.setattr(known, "WEIGHTS", weights)


def of(model):
    return model.evaluation["stages"]


def test_every_stage_is_judged_on_what_was_learnt_from(tiny, tmp_path):
    model = hs.fit(make_folder(tmp_path / "data"), strategy="probe")
    found = of(model)
    names = [stage.name for stage in model.backbone.stages]
    assert [each["stage"] for each in found["scores"]] == names
    assert found["headline"] == model.evaluation["headline"]
    assert found["n"] == model.evaluation["n_train"]
    for each in found["scores"]:
        assert 0 <= each["low"] <= each["value"] <= each["high"] <= 1
    assert found["scores"][-1]["value"] > 0.8
    assert found["says"]


def test_texts_and_sounds_have_stages_too_and_no_patches(tiny, tmp_path):
    file = words.write_csv(tmp_path / "reviews.csv", words.reviews(60))
    for model in (
        hs.fit(file, strategy="probe"),
        hs.fit(folder_of_sounds(tmp_path / "sounds", count=12), strategy="probe"),
    ):
        assert of(model)["scores"]
        assert of(model)["patches"] == []


def test_many_labels_are_not_compared_for_long(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(by_stage, "MOST_WORK", 10)
    found = of(hs.fit(make_folder(tmp_path / "data"), strategy="probe"))
    assert found["scores"] == []
    assert "would have taken long" in found["says"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0.5, 0.6, 0.9), "top does best alone (0.900), where low gets 0.500."),
        ((0.5, 0.9, 0.6), "given up what your labels need"),
        ((0.88, 0.9, 0.9), "something as simple gives the labels away"),
        ((0.9, 0.6, 0.5), "low, the earliest, does best alone"),
        ((0.5, 0.9, 0.88), "and the last, top, 0.880."),
    ],
)
def test_it_says_where_the_labels_are_told_apart(values, said):
    scored = [
        (name, Figure(value, value - 0.05, value + 0.05))
        for name, value in zip(("low", "middle", "top"), values, strict=True)
    ]
    assert said in by_stage.say(scored)


def test_patches_are_parts_of_pictures_learnt_from(tiny, tmp_path):
    folder = make_folder(tmp_path / "data", labels=("red", "green", "blue"))
    model = hs.fit(folder, strategy="probe", out=tmp_path / "model")
    found = of(model)["patches"]
    assert 1 < len(found) <= patches.STAGES
    widths = [stage["pixels"] for stage in found]
    assert widths == sorted(widths)
    files = {f"{path.parent.name}/{path.name}" for path in folder.rglob("*.png")}
    for stage in found:
        assert len(stage["channels"]) == 3
        assert len({channel["channel"] for channel in stage["channels"]}) == 3
        assert {channel["label"] for channel in stage["channels"]} == {"red", "green", "blue"}
        for channel in stage["channels"]:
            assert len(channel["patches"]) == patches.PATCHES
            for name in channel["patches"]:
                assert name.split(": ", 1)[1] in files
                data = base64.b64decode(model.pictures[name]["data"])
                assert Image.open(io.BytesIO(data)).size == (stage["pixels"],) * 2
    report = tmp_path / "model" / "report.html"
    assert "What excites them" in report.read_text()
    assert kept_pictures(report, pictured(model.evaluation)) == model.pictures


def test_without_pictures_nothing_of_them_is_kept(tiny, tmp_path):
    model = hs.fit(
        make_folder(tmp_path / "data"), strategy="probe", pictures=False, out=tmp_path / "model"
    )
    assert of(model)["patches"] == []
    assert "<img" not in (tmp_path / "model" / "report.html").read_text()


def test_nets_whose_stages_give_no_maps_have_no_patches(tmp_path):
    net = save_tiny(tmp_path / "vit", "hf")
    model = hs.fit(make_folder(tmp_path / "data"), strategy="probe", backbone=str(net))
    assert of(model)["scores"]
    assert of(model)["patches"] == []


def test_a_patch_holds_what_excites_the_channel(tiny):
    """A white square on black, left or right: parts that excite anything hold its edge."""
    samples = []
    for at in range(24):
        pixels = np.zeros((32, 32, 3), np.uint8)
        left = 4 if at % 2 else 20
        pixels[10 + at % 5 : 18 + at % 5, left : left + 8] = 255 - at
        samples.append(Sample(pixels, "left" if at % 2 else "right", name=str(at)))
    found, shown = patches.find(
        open_backbone("bundled/image"),
        IMAGE,
        TASKS.get("classify")(),
        samples,
        ("left", "right"),
    )
    first = found[0]["channels"][0]["patches"]
    for name in first:
        part = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown[name]["data"]))), float)
        assert part.max() - part.min() > 100


def test_few_pictures_are_looked_at(tiny, monkeypatch):
    chance = np.random.default_rng(0)
    samples = [
        Sample(chance.integers(0, 256, (32, 32, 3), dtype=np.uint8), "ab"[at % 2], name=str(at))
        for at in range(400)
    ]
    read = []
    whole = type(IMAGE).prepare
    monkeypatch.setattr(type(IMAGE), "prepare", lambda *given: read.append(1) or whole(*given))
    backbone = open_backbone("bundled/image")
    task = TASKS.get("classify")()
    monkeypatch.setattr(patches, "expected_seconds", lambda *_: 0.001)
    patches.find(backbone, IMAGE, task, samples, ("a", "b"))
    assert len(read) == patches.MOST_PICTURES
    monkeypatch.setattr(patches, "expected_seconds", lambda *_: patches.SECONDS / 10)
    read.clear()
    patches.find(backbone, IMAGE, task, samples, ("a", "b"))
    assert len(read) == 10
