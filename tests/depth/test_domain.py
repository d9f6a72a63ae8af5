"""How far data is from what a backbone saw: near is near, far is far, and it costs next to none."""

from __future__ import annotations

import numpy as np
import pytest

import headstart as hs
from headstart import domain, features
from headstart.backbones.source import open_backbone
from headstart.registry import MODALITIES
from headstart.schema import Sample
from tests.data import data_folder
from tests.pictures import make_folder
from tests.standing import save_tiny

IMAGE = MODALITIES.get("image")()


def known(inputs):
    samples, _ = features.identify(
        [Sample(each, name=str(at)) for at, each in enumerate(inputs)], IMAGE
    )
    return samples


def pictures(*parts, count=48):
    files = sorted(
        each for each in data_folder(*parts).rglob("*.*") if each.suffix in (".jpg", ".png")
    )
    return known([files[at] for at in np.unique(np.linspace(0, len(files) - 1, count).astype(int))])


def noise(count=24):
    chance = np.random.default_rng(0)
    return known(list(chance.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)))


def measure(backbone, samples):
    return domain.measure(backbone, IMAGE, samples, features.survey(samples, IMAGE, backbone).shelf)


@pytest.fixture(scope="module")
def bundled():
    return open_backbone("bundled/image")


def test_hellinger_is_symmetric_scale_free_and_bounded():
    chance = np.random.default_rng(0)
    one, two = ((chance.normal(size=50), chance.uniform(1, 4, 50)) for _ in range(2))
    apart = domain.hellinger(*one, *two)
    assert domain.hellinger(*one, *one) == pytest.approx(0)
    assert apart == pytest.approx(domain.hellinger(*two, *one))
    assert apart == pytest.approx(
        domain.hellinger(10 * one[0], 100 * one[1], 10 * two[0], 100 * two[1]), rel=1e-3
    )
    assert 0 < apart < 1
    assert domain.hellinger(one[0] + 1e6, one[1], *one) == pytest.approx(1)


@pytest.mark.parametrize("by", ["readings", "norms"])
def test_photos_are_near_scans_and_clothes_less_cells_and_noise_far(bundled, by, monkeypatch):
    if by == "norms":
        monkeypatch.setattr(bundled, "reference", {})
    found = {
        name: measure(bundled, samples)
        for name, samples in (
            ("photos", pictures("images", "flowers5", "train")),
            ("clothes", pictures("images", "fashion900", "train")),
            ("cells", pictures("images", "blood_cells", "train")),
            ("noise", noise()),
        )
    }
    assert {each["by"] for each in found.values()} == {by}
    distance = {name: each["distance"] for name, each in found.items()}
    assert distance["photos"] < distance["clothes"] < min(distance["cells"], distance["noise"])
    words = {name: each["advice"].split()[0] for name, each in found.items()}
    assert words == {"photos": "Near", "clothes": "Some", "cells": "Far", "noise": "Far"}
    assert "--strategy adapt" in found["cells"]["advice"]
    assert "dinov2" in found["cells"]["advice"]
    for each in found.values():
        assert [stage["stage"] for stage in each["stages"]] == [s.name for s in bundled.stages]
        assert all(0 <= stage["distance"] <= 1 for stage in each["stages"])


def test_few_inputs_are_run_and_only_once(tmp_path, monkeypatch):
    backbone = open_backbone(str(save_tiny(tmp_path / "tiny")))
    samples = noise(100)
    shelf = features.survey(samples, IMAGE, backbone).shelf
    read = []
    whole = type(IMAGE).read
    monkeypatch.setattr(type(IMAGE), "read", lambda *given: read.append(1) or whole(*given))
    first = domain.measure(backbone, IMAGE, samples, shelf)
    assert len(read) == domain.RUN
    assert domain.measure(backbone, IMAGE, samples, shelf) == first
    assert len(read) == domain.RUN


def test_without_norms_or_reference_nothing_is_known(tmp_path):
    backbone = open_backbone(str(save_tiny(tmp_path / "vit", "hf")))
    found = measure(backbone, noise(4))
    assert found["distance"] is None
    assert "Not known" in found["advice"]


def test_fit_writes_it_down_from_the_training_side_alone(tmp_path, monkeypatch):
    seen = []
    whole = domain.measure
    monkeypatch.setattr(domain, "measure", lambda *given: seen.append(given[2]) or whole(*given))
    model = hs.fit(make_folder(tmp_path / "data"), strategy="probe")
    assert model.evaluation["domain"]["by"] == "readings"
    assert len(seen[0]) == model.evaluation["n_train"]
