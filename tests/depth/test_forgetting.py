"""What training took is measured: nothing by a probe, little by gentle training, most by rough."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import headstart as hs
from headstart import forgetting, norms
from headstart.backbones.source import open_backbone
from headstart.errors import DataError, UserError
from headstart.forgetting import linear_cka
from headstart.keep import blend, state_of
from headstart.registry import MODALITIES
from headstart.tasks.classify import Classify
from tests.depth import lessons
from tests.pictures import draw, make_folder
from tests.standing import save_tiny

IMAGE = MODALITIES.get("image")()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A net whose BatchNorm is at home among the pictures: only what training does moves it."""
    import timm

    backbone = open_backbone(str(save_tiny(tmp_path_factory.mktemp("tiny"))))
    raws = [draw(label, number) for number in range(16) for label in lessons.LABELS]
    raws += IMAGE.varied(backbone.spec, seed=1, count=32)
    examples = [IMAGE.prepare(raw, backbone.spec) for raw in raws]
    norms.estimate(backbone, 0, [IMAGE.collate(examples, backbone.spec)])
    folder = tmp_path_factory.mktemp("settled")
    timm.models.save_for_hf(backbone.module, folder, safe_serialization=True)
    return str(folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def _fewer(monkeypatch):
    monkeypatch.setattr(forgetting, "GENERATED", 48)


def shaken(folder, strength):
    """Return the backbone with noise on its weights, as strong as they are times `strength`."""
    backbone = open_backbone(folder)
    chance = torch.Generator().manual_seed(0)
    for name, each in backbone.module.named_parameters():
        if name not in backbone.unowned and each.dim() > 1:
            noise = torch.randn(each.shape, generator=chance) * each.std()
            each.data += strength * noise
    backbone.changed()
    return backbone


def compare(folder, after, reference=None):
    before = open_backbone(folder)
    few = reference or forgetting.generated(IMAGE, before.spec)
    return forgetting.compare(before, after, IMAGE, few)


def test_likeness_is_blind_to_rotation_scale_and_shift_and_nothing_else():
    chance = np.random.default_rng(0)
    points = chance.normal(size=(60, 300))
    turn, _ = np.linalg.qr(chance.normal(size=(300, 300)))
    assert linear_cka(points, points) == 1
    assert linear_cka(points, 3 * points @ turn + 5) == pytest.approx(1)
    # With more channels than inputs the biased measure would find 0.9 here.
    assert linear_cka(points, chance.normal(size=(60, 300))) < 0.1
    assert linear_cka(points, np.ones((60, 300))) == 0
    assert 0.3 < linear_cka(points, points + chance.normal(size=(60, 300))) < 0.8


def test_the_untouched_has_forgotten_nothing(folder):
    found = compare(folder, open_backbone(folder))
    assert [each["cka"] for each in found["stages"]] == [1.0] * 5
    assert found["agreement"]["value"] == 1
    assert found["kept"]["value"] == pytest.approx(1)
    assert found["lost"] == pytest.approx(0, abs=1e-6)
    assert found["says"].startswith("Little")


def test_the_more_weights_move_the_more_is_lost(folder):
    gentle, rough = (compare(folder, shaken(folder, strength)) for strength in (0.02, 3.0))
    assert gentle["lost"] < forgetting.LITTLE < forgetting.MUCH < rough["lost"]
    assert gentle["agreement"]["value"] > rough["agreement"]["value"]
    for one, other in zip(gentle["stages"], rough["stages"], strict=True):
        assert one["stage"] == other["stage"]
        assert one["cka"] > other["cka"]
    assert f"lost {forgetting.percent(rough['lost'])} of what it knew" in rough["says"]
    assert "--keep" in rough["says"]


def test_a_probe_touches_nothing(folder, data):
    found = hs.fit(data, backbone=folder, strategy="probe").evaluation["forgetting"]
    assert found == {
        "reference": None,
        "stages": [],
        "lost": None,
        "says": "Nothing was forgotten: the backbone was not touched.",
    }


def test_fresh_weights_are_no_loss_by_accident(folder, data, monkeypatch):
    lessons.hurry(monkeypatch, epochs=1)
    found = hs.fit(data, backbone=folder, strategy="scratch").evaluation["forgetting"]
    assert "on purpose" in found["says"]


@pytest.mark.parametrize("rate", [1e-4, 0.3])
def test_a_rate_far_too_high_is_caught(folder, data, monkeypatch, rate):
    """Every epoch counts as the best, so that what the rate does is what is left."""
    lessons.hurry(monkeypatch, epochs=3, rate=rate)
    rising = iter(range(1, 1000))
    monkeypatch.setattr(Classify, "score", lambda *_: next(rising))
    model = hs.fit(data, backbone=folder, strategy="full", keep=0.0)
    found = model.evaluation["forgetting"]
    assert found["reference"] == "48 generated inputs"
    caught = f"lost {forgetting.percent(found['lost'])} of what it knew" in found["says"]
    assert caught == (rate == 0.3)
    assert (found["lost"] > forgetting.MUCH) == (rate == 0.3)


def test_the_more_of_the_old_weights_is_kept_the_less_is_forgotten(folder):
    rough = shaken(folder, 2.0)
    modules = {"body": rough.module}
    before, after = state_of({"body": open_backbone(folder).module}), state_of(modules)
    lost = []
    for share in (0.0, 0.5, 0.9):  # what --keep does with a share
        blend(modules, before, after, share)
        rough.changed()
        lost.append(compare(folder, rough)["lost"])
    assert lost[0] > lost[1] > lost[2]


def test_labelled_references_tell_of_skill(folder, tmp_path):
    kept = make_folder(tmp_path / "kept", 20, ("red", "green", "blue"))
    before = open_backbone(folder)
    reference = forgetting.remembered(kept, "kept", IMAGE, before.spec)
    assert reference.name == "60 inputs of kept"
    same = compare(folder, open_backbone(folder), reference)["skill"]
    assert same["before"] == same["after"]
    assert same["before"]["value"] > 0.8
    assert same["guess"] == pytest.approx(1 / 3)
    rough = compare(folder, shaken(folder, 3.0), reference)
    assert rough["skill"]["after"]["value"] < same["before"]["value"]
    assert rough["lost"] > 0.1


def test_references_may_be_unlabelled_and_are_named(folder, data, tmp_path, monkeypatch):
    lessons.hurry(monkeypatch, epochs=1)
    loose = make_folder(tmp_path / "loose", 8, ("red",)) / "red"
    model = hs.fit(data, backbone=folder, strategy="partial", keep=0.0, remember=loose)
    found = model.evaluation["forgetting"]
    if model.trained:
        assert found["reference"] == "8 inputs of red"
        assert "skill" not in found


def test_references_that_are_none_are_refused_before_anything_long(folder, data, tmp_path):
    with pytest.raises(UserError):
        hs.fit(data, backbone=folder, remember=tmp_path / "nowhere")
    few = make_folder(tmp_path / "few", 1)
    with pytest.raises(DataError, match="2 can be read"):
        hs.fit(data, backbone=folder, remember=few)


def test_generated_references_are_the_same_for_everybody(folder):
    spec = open_backbone(folder).spec
    one, two = (forgetting.generated(IMAGE, spec) for _ in range(2))
    for first, second in zip(one.windows, two.windows, strict=True):
        assert np.array_equal(first[0]["x"], second[0]["x"])
    assert len({each[0]["x"].tobytes() for each in one.windows}) == forgetting.GENERATED
