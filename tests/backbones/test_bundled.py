"""Backbones that come with headstart: read from float16, described by their card, or refused."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from headstart.backbones import known
from headstart.backbones.nets.image import SmallResNet
from headstart.backbones.source import build_backbone, describe, get_source, open_backbone
from headstart.errors import BackboneError, HubError, UnknownName
from headstart.schema import ImageSpec

CONFIG = {"widths": [4, 6, 8, 8], "blocks": [1, 1, 1, 1], "features": 16, "classes": 3}


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Lay out a tiny bundled net as a release would hold it."""
    folder = tmp_path / "weights" / "image"
    folder.mkdir(parents=True)
    torch.manual_seed(1)
    net = SmallResNet(**CONFIG)
    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file(half, folder / "model.safetensors")
    card = {
        "architecture": "headstart.backbones.nets.image.SmallResNet",
        "config": CONFIG,
        "parameters": sum(each.numel() for each in net.parameters()),
        "input": {"size": 24, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]},
        "classes": ["a", "b", "c"],
        "sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "licence": "research",
    }
    (folder / "card.json").write_text(json.dumps(card))
    monkeypatch.setattr(known, "WEIGHTS", folder.parent)
    return folder, net


def change_card(folder, **changes):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_opens_with_float32_weights_close_to_the_originals(weights):
    _, net = weights
    backbone = open_backbone("bundled/image", offline=True)
    state = backbone.module.state_dict()
    for name, tensor in net.state_dict().items():
        assert state[name].dtype == tensor.dtype
        torch.testing.assert_close(state[name], tensor, rtol=1e-3, atol=1e-3)
    assert backbone.spec == ImageSpec(
        size=(24, 24),
        resize=("shortest", 24),
        crop=(24, 24),
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.2, 0.2),
    )


def test_stages_are_those_of_the_net_and_its_classifier_is_nobodys(weights):
    backbone = open_backbone("bundled/image")
    pixels = torch.randn(2, 3, 24, 24)
    with torch.inference_mode():
        whole = backbone.module.forward_features(pixels)
        for boundary in range(backbone.depth + 1):
            half = backbone({"x": pixels}, stop=boundary)
            assert torch.equal(backbone(half, start=boundary)["x"], whole)
    assert [stage.name for stage in backbone.stages] == list(backbone.module.stages)
    assert backbone.unowned == ("classifier.weight", "classifier.bias")
    owned = [name for stage in backbone.stages for name in stage.owns]
    assert sorted([*owned, *backbone.unowned]) == sorted(backbone.module.state_dict())


def test_recipe_rebuilds_it_without_its_weights(weights):
    folder, _ = weights
    backbone = open_backbone("bundled/image")
    (folder / "model.safetensors").unlink()
    again = build_backbone(json.loads(json.dumps(backbone.recipe)))
    again.module.load_state_dict(backbone.module.state_dict())
    again.changed()
    assert again.fingerprint() == backbone.fingerprint()
    assert again.name == "bundled/image"


def test_is_listed_first_and_described(weights):
    folder, _ = weights
    card = describe("bundled/image")
    assert (card.licence, card.local, card.family) == ("research", True, "SmallResNet")
    assert card.bytes == (folder / "model.safetensors").stat().st_size
    assert known.list_backbones()[0] == card


def test_the_list_is_what_the_sources_say():
    listed = known.list_backbones()
    asked = [card for name in known.LISTS for card in get_source(name).cards()]
    assert [card for card in listed if card.source in known.LISTS] == asked
    assert len({card.name for card in listed}) == len(listed)


def test_damaged_weights_are_refused(weights):
    folder, _ = weights
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(HubError, match="corrupt"):
        open_backbone("bundled/image")
    path.unlink()
    with pytest.raises(BackboneError, match="Install headstart again"):
        open_backbone("bundled/image")


def test_unknown_names_and_architectures_are_refused(weights):
    folder, _ = weights
    with pytest.raises(UnknownName, match="Did you mean 'image'"):
        open_backbone("bundled/imag")
    with pytest.raises(UnknownName):
        open_backbone("bundled/../weights/image")
    change_card(folder, architecture="os.system")
    with pytest.raises(BackboneError, match="'system'"):
        open_backbone("bundled/image")


@pytest.mark.parametrize("name", known.bundled_names())
def test_what_is_bundled_opens(name):
    backbone = open_backbone(f"bundled/{name}", offline=True)
    with torch.inference_mode():
        output = backbone({"x": torch.randn(1, 3, *backbone.spec.size)})
    assert all(each.isfinite().all() for each in backbone.read(output, backbone.depth).values())
