"""Backbones that come with headstart: read from float16, described by their card, or refused."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file

from headstart.backbones import known
from headstart.backbones.nets.image import SmallResNet
from headstart.backbones.nets.text import TextConfig, TextNet
from headstart.backbones.source import (
    build_backbone,
    describe,
    fresh_weights,
    get_source,
    open_backbone,
)
from headstart.errors import BackboneError, HubError, UnknownName
from headstart.modalities.text import Text
from headstart.precision import cast
from headstart.registry import MODALITIES
from headstart.schema import ImageSpec
from tests.standing import files

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


@pytest.fixture
def reading(weights):
    """Lay out a tiny bundled text net beside the other."""
    folder = weights[0].parent / "text"
    folder.mkdir()
    content = files("text")["tokenizer.json"]
    count = len(json.loads(content)["model"]["vocab"])
    config = {"rows": count - 40, "ids": count, "embedding": 8, "width": 16, "depth": 2}
    torch.manual_seed(2)
    net = TextNet(TextConfig(**config))
    net.fold_case(torch.arange(count) % (count - 40), torch.arange(count) % 3)
    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file(half, folder / "model.safetensors")
    (folder / "tokenizer.json").write_bytes(content)
    card = {
        "architecture": "TextNet",
        "config": config,
        "parameters": sum(each.numel() for each in net.parameters()),
        "modality": "text",
        "input": {"tokenizer": hashlib.sha256(content).hexdigest(), "length": 30},
    }
    (folder / "card.json").write_text(json.dumps(card))
    return folder, net


def test_a_text_net_opens_with_its_tokenizer_and_the_words_its_ids_stand_for(reading):
    folder, net = reading
    backbone = open_backbone("bundled/text")
    assert backbone.spec.files()["tokenizer.json"] == (folder / "tokenizer.json").read_text()
    assert torch.equal(backbone.module.stages["embed"].base, net.stages["embed"].base)
    raws = [("Lovely room.",), ("awful",)]
    modality = Text()
    state = modality.collate([modality.prepare(r, backbone.spec) for r in raws], backbone.spec)
    with torch.inference_mode():
        read = backbone.read(backbone(dict(state)), backbone.depth)
        whole = net.eval()(state["x"], state["mask"])
    torch.testing.assert_close(read["pooled"], whole, rtol=1e-2, atol=1e-2)
    again = build_backbone(json.loads(json.dumps(backbone.recipe)))
    assert again.spec == backbone.spec


def test_fresh_weights_keep_which_words_the_ids_stand_for(reading):
    _, net = reading
    backbone = open_backbone("bundled/text")
    fresh_weights(backbone, 0, seed=1)
    embed = backbone.module.stages["embed"]
    assert torch.equal(embed.base, net.stages["embed"].base)
    assert not torch.allclose(embed.table.weight, net.stages["embed"].table.weight, atol=1e-2)


def test_a_text_net_without_its_own_tokenizer_is_refused(reading):
    path = reading[0] / "tokenizer.json"
    path.write_text(path.read_text().replace("lovely", "lousy"))
    with pytest.raises(BackboneError, match="another than the one"):
        open_backbone("bundled/text")
    path.unlink()
    with pytest.raises(BackboneError, match="is not here"):
        open_backbone("bundled/text")


def test_a_reference_of_other_weights_is_not_read(weights):
    folder, _ = weights
    about = json.loads((folder / "card.json").read_text())
    tensors = {"1.mean.mean": torch.zeros(4), "1.mean.deviation": torch.ones(4)}
    assert open_backbone("bundled/image").reference == {}
    save_file(tensors, folder / "reference.safetensors", {"weights": about["sha256"]})
    assert open_backbone("bundled/image").reference.keys() == tensors.keys()
    save_file(tensors, folder / "reference.safetensors", {"weights": "of before"})
    assert open_backbone("bundled/image").reference == {}


def test_the_bundled_image_nets_reference_is_of_its_weights():
    backbone = open_backbone("bundled/image")
    boundaries = {int(name.split(".")[0]) for name in backbone.reference}
    assert boundaries == set(range(1, backbone.depth + 1))


@pytest.mark.parametrize("name", known.bundled_names())
def test_what_is_bundled_opens(name):
    backbone = open_backbone(f"bundled/{name}", offline=True)
    modality = MODALITIES.get(backbone.spec.modality)()
    raws = modality.golden(backbone.spec, seed=1, count=3)
    state = modality.collate([modality.prepare(r, backbone.spec) for r in raws], backbone.spec)
    with torch.inference_mode():
        output = backbone(cast(state, "float32"))
    for vectors in backbone.read(output, backbone.depth).values():
        assert vectors.isfinite().all()
        assert not torch.equal(vectors[0], vectors[1])


def test_what_is_bundled_stays_small():
    sizes = {
        name: sum(path.stat().st_size for path in (known.WEIGHTS / name).iterdir())
        for name in known.bundled_names()
    }
    assert all(size <= 8_000_000 for size in sizes.values()), sizes
    assert sum(sizes.values()) <= 20_000_000, sizes
