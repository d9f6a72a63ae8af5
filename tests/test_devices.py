"""Nets are run on another device and all comes back from it: models, answers, stores, journals."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import headstart as hs
from headstart import devices, places, trainer
from headstart.backbones.source import open_backbone
from headstart.cli.run import run as run_command
from headstart.errors import UserError
from headstart.journal import Journal
from headstart.learn import learn
from headstart.modalities.image import Image
from headstart.precision import choose, expected_seconds, fitting
from tests import words
from tests.depth import lessons
from tests.depth.test_resume import Counting, Killed
from tests.pictures import make_folder
from tests.second_device import second_device
from tests.sounds import folder_of_sounds
from tests.standing import save_tiny


@pytest.fixture(autouse=True)
def short(monkeypatch):
    lessons.hurry(monkeypatch, epochs=1)


@pytest.fixture
def other(monkeypatch):
    with second_device(monkeypatch) as name:
        yield name


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return data and a tiny backbone (None: the bundled one) for each kind of input."""
    root = tmp_path_factory.mktemp("made")
    pictures = make_folder(root / "pictures", 8)
    return {
        "maps": (pictures, save_tiny(root / "timm", "timm")),
        "tokens": (pictures, save_tiny(root / "hf", "hf")),
        "texts": (
            words.write_csv(root / "texts.csv", words.reviews(24)),
            save_tiny(root / "text", "text"),
        ),
        "sounds": (folder_of_sounds(root / "sounds", 8, 0.2), None),
    }


NORMED = ("maps", "sounds")
"""Kinds whose backbone here has BatchNorm layers."""


def fit(made, kind, strategy, **more):
    data, backbone = made[kind]
    named = None if backbone is None else str(backbone)
    return hs.fit(str(data), backbone=named, strategy=strategy, pictures=False, **more)


def answers(model, data):
    inputs = [text for text, _ in words.reviews(6, seed=9)] if data.is_file() else str(data)
    return np.array([list(each.probabilities.values()) for each in model.predict(inputs)])


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        ("maps", "probe"),
        ("tokens", "partial"),
        ("tokens", "gradual"),
        ("tokens", "full"),
        ("tokens", "scratch"),
        ("tokens", "lora"),
        ("texts", "partial"),
        ("sounds", "partial"),
    ],
)
def test_what_is_made_there_is_what_is_made_here(made, kind, strategy, other, tmp_path):
    there = fit(made, kind, strategy, device=other, out=tmp_path / "model", self_contained=True)
    assert there.backbone.device.type == other
    expected = answers(there, made[kind][0])
    loaded = hs.load(tmp_path / "model", device="cpu")
    assert loaded.backbone.device.type == "cpu"
    assert np.allclose(expected, answers(loaded, made[kind][0]), atol=1e-4)
    if kind in NORMED:
        return  # the second device takes no running statistics: its training is another there
    here = fit(made, kind, strategy, device="cpu")
    assert here.trained == there.trained
    assert np.allclose(expected, answers(here, made[kind][0]), atol=0.02)


def test_a_model_from_here_answers_the_same_there(made, other, tmp_path, capsys):
    here = fit(made, "tokens", "probe", device="cpu", out=tmp_path / "model")
    loaded = hs.load(tmp_path / "model", device=other)
    assert loaded.backbone.device.type == other
    data = made["tokens"][0]
    assert np.allclose(answers(here, data), answers(loaded, data), atol=1e-4)
    assert "device" not in json.loads((tmp_path / "model" / "model.json").read_text())
    capsys.readouterr()
    command = ["predict", str(tmp_path / "model"), str(data), "--device"]
    assert run_command([*command, other]) == 0
    told = capsys.readouterr()
    assert f"Computing on {other}" in told.err
    assert run_command([*command, "cpu"]) == 0
    assert capsys.readouterr() == (told.out, "")
    assert run_command([*command, "gpu"]) == 2


def test_killed_there_and_run_again_there(made, other, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "PAGE_SECONDS", 0.0)
    lessons.hurry(monkeypatch, epochs=2)
    job = lessons.job(made["tokens"][1], "partial", samples=lessons.samples(8), unfreeze=1)

    def run(**more):
        return learn(job, backbone=open_backbone(job.backbone).to(torch.device(other)), **more)

    expected, journal = run(), Journal.open(tmp_path / "journal", {})
    with pytest.raises(Killed):
        run(progress=Counting(1), journal=journal)
    again = run(journal=journal)
    assert np.array_equal(expected.head.weight, again.head.weight)
    assert expected.backbone.fingerprint() == again.backbone.fingerprint()


def test_nothing_computed_there_is_read_here(made, other):
    fit(made, "tokens", "probe", device="cpu")
    stores = set(places.store().iterdir())
    notes = set((places.home() / "precision").iterdir())
    fit(made, "tokens", "probe", device="cpu")
    assert set(places.store().iterdir()) == stores
    fit(made, "tokens", "probe", device=other)
    assert set(places.store().iterdir()) > stores
    assert set((places.home() / "precision").iterdir()) > notes


def test_a_backbone_is_timed_where_it_is(made, other):
    backbone = open_backbone(str(made["tokens"][1])).to(torch.device(other))
    assert choose(backbone, Image()) == "float32"
    assert expected_seconds(backbone, Image()) > 0
    assert fitting("bfloat16", backbone.device) == "float32"
    assert fitting("bfloat16", devices.CPU) == "bfloat16"


def test_chance_goes_on_as_if_nothing_had_been_drawn(other):
    device, before = torch.device(other), torch.random.get_rng_state()
    drawn = []
    for _ in range(2):
        with devices.seeded(device, 3):
            drawn.append(torch.nn.functional.dropout(torch.ones(64, device=device)).cpu())
    assert torch.equal(*drawn)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_best_device_is_accelerates_answer(monkeypatch):
    import accelerate

    class State:
        device = torch.device("meta")

    assert devices.choose() == devices.CPU or torch.accelerator.is_available()
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(accelerate, "PartialState", State)
    assert devices.choose() == devices.choose("auto") == State.device
    assert devices.choose("cpu") == devices.CPU
    assert "on meta" in devices.describe(State.device)
    assert devices.describe(devices.CPU) == ""


@pytest.mark.parametrize("name", ["gpu", "meta", "xpu"])
def test_a_device_that_is_not_here_is_refused_with_a_cure(made, name):
    with pytest.raises(UserError, match=f"no device '{name}'") as caught:
        fit(made, "tokens", "probe", device=name)
    assert "--device cpu" in caught.value.hint
