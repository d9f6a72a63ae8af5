"""Low-rank adapters in every family: they change nothing at first, and all else stays as it is."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from torch import nn

from headstart import adapters, freezing
from headstart.backbones.base import Backbone, Stage
from headstart.backbones.outline import named_tensors
from headstart.backbones.source import build_backbone
from headstart.errors import UserError
from headstart.schema import Card, InputSpec
from tests.backbones.families import TINY, batch

RANK = 4
WITHOUT = {"ResNet", "VGG", "EfficientNet", "MobileNet", "RegNet", "NormFreeNet", "poolformer"}
"""Families of convolutions."""

WITHOUT |= {"AudioNet", "GPT-2"}
"""One of convolutions too, and one with layers that are linear but of a class of their own."""


def fresh(name):
    """Return a tiny backbone in which no weight is zero, as some are at the start."""
    backbone = build_backbone(json.loads(json.dumps(TINY[name].recipe)))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for each in backbone.module.parameters():
            each.add_(0.05 * torch.randn(each.shape, generator=generator))
    backbone.changed()
    return backbone


def randomise(backbone):
    """Give adapters something to do, as training would."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, each in backbone.module.named_parameters():
            if name in backbone.adapters:
                each.copy_(0.2 * torch.randn(each.shape, generator=generator))


def every_name(backbone):
    owned = [name for stage in backbone.stages for name in stage.owns]
    return sorted([*owned, *backbone.unowned])


@pytest.mark.parametrize("name", [n for n, t in TINY.items() if t.family not in WITHOUT])
def test_in_every_family(name):
    """Inserted they change nothing, trained they change the upper stages, removed they are gone."""
    backbone = fresh(name)
    boundary = backbone.depth // 2
    state = batch(name)
    with torch.no_grad():
        below = backbone(dict(state), 0, boundary)
        plain = backbone(dict(below), boundary)["x"]
    mark, owns = backbone.fingerprint(), [stage.owns for stage in backbone.stages]
    frozen = freezing.seal(backbone, boundary)
    inserted = adapters.insert(backbone, boundary, RANK, below, seed=0)

    assert every_name(backbone) == sorted(n for n, _ in named_tensors(backbone.module))
    assert freezing.seal(backbone, boundary) == frozen, "activations below would be made again"
    opened = dict(freezing.freeze(backbone, boundary))
    assert set(opened) == backbone.adapters == freezing.moving(backbone, boundary)
    assert len(opened) == 2 * len(inserted.layers)
    assert not backbone.adapters & {n for s in backbone.stages[:boundary] for n in s.owns}
    backbone.module.eval()
    with torch.no_grad():
        assert torch.equal(backbone(dict(below), boundary)["x"], plain)

    found = backbone.read(backbone(dict(below), boundary), backbone.depth)
    slopes = torch.autograd.grad(
        sum(each.float().sin().sum() for each in found.values()), list(opened.values())
    )
    for (at, _), slope in zip(opened.items(), slopes, strict=True):
        assert ("lora_B" in at) == bool(slope.abs().sum()), "A waits until B is no longer zero"

    randomise(backbone)
    backbone.module.requires_grad_(False)
    with torch.no_grad():
        moved = backbone(dict(below), boundary)["x"]
        assert not torch.allclose(moved, plain)
        assert inserted.weights_beside().keys() == fresh(name).module.state_dict().keys()
        inserted.remove()
        assert torch.equal(backbone(dict(below), boundary)["x"], plain)
    assert backbone.fingerprint() == mark == inserted.reference
    assert [stage.owns for stage in backbone.stages] == owns
    assert not backbone.adapters


@pytest.mark.parametrize("name", ["vit", "swinv2", "hf_bert", "hf_albert", "hf_wav2vec2"])
def test_merged_equals_unmerged(name):
    backbone, state = fresh(name), batch(name)
    keys = list(backbone.module.state_dict())
    inserted = adapters.insert(backbone, 0, RANK, state, seed=0)
    randomise(backbone)
    with torch.no_grad():
        apart = backbone(dict(state))["x"]
        inserted.merge()
        together = backbone(dict(state))["x"]
    assert torch.allclose(apart, together, atol=1e-4)
    assert list(backbone.module.state_dict()) == keys
    assert backbone.fingerprint() != inserted.reference


@pytest.mark.parametrize("name", [n for n, t in TINY.items() if t.family in WITHOUT])
def test_without_linear_layers(name):
    backbone = fresh(name)
    with pytest.raises(UserError, match="no linear layers") as caught:
        adapters.require_layers(backbone, 0, RANK)
    assert "--strategy partial" in caught.value.hint


def test_a_layer_whose_adapter_would_not_be_smaller_gets_none():
    backbone = fresh("hf_vit")
    assert adapters.require_layers(backbone, 0, 15)
    with pytest.raises(UserError, match="no linear layers"):
        adapters.require_layers(backbone, 0, 32)


def test_a_weight_that_is_read_past_its_layer_gets_none():
    """timm's second Swin multiplies by `qkv.weight` itself: an adapter there would do nothing."""
    backbone = fresh("swinv2")
    inserted = adapters.insert(backbone, 0, RANK, batch("swinv2"), seed=0)
    assert any(layer.endswith("attn.proj") for layer in inserted.layers)
    assert not any(layer.endswith("attn.qkv") for layer in inserted.layers)


def layered(run_of):
    """Return a backbone of a linear layer, running statistics, dropout and a linear layer."""
    module = nn.Sequential(
        nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 16)
    )
    stages = tuple(
        Stage(
            name, run_of(module, at), tuple(f"{n}.{t}" for n in at for t in module[n].state_dict())
        )
        for name, at in (("first", (0, 1)), ("second", (2, 3)))
    )
    return Backbone(
        "toy/layers",
        module,
        stages,
        InputSpec("numbers"),
        Card("toy/layers", "toy"),
        {"source": "toy"},
        lambda state, boundary: {"mean": state["x"]},
    )


def looked_up(module, at):
    def run(state):
        for number in at:
            state = {"x": module[number](state["x"])}
        return state

    return run


def held(module, at):
    parts = [module[number] for number in at]
    return lambda state: {"x": nn.Sequential(*parts)(state["x"])}


def test_running_statistics_stand_still_beside_adapters_and_dropout_works():
    backbone = layered(looked_up)
    freezing.freeze(backbone, 0)
    assert backbone.module[1].training
    adapters.insert(backbone, 0, RANK, {"x": torch.randn(3, 16)}, seed=0)
    sealed = freezing.seal_frozen(backbone, 0)
    freezing.freeze(backbone, 0)
    assert not backbone.module[1].training
    assert backbone.module[2].training
    backbone({"x": torch.randn(8, 16)})
    freezing.verify(backbone, 0, sealed)


def test_stages_that_hold_on_to_their_layers_cannot_be_adapted():
    """They would run the layer that was replaced, and nothing would be learnt."""
    backbone = layered(held)
    mark = backbone.fingerprint()
    with pytest.raises(UserError, match="no linear layers"):
        adapters.insert(backbone, 0, RANK, {"x": torch.randn(3, 16)}, seed=0)
    assert backbone.fingerprint() == mark


def test_the_same_seed_gives_the_same_adapters():
    marks = []
    for seed in (3, 3, 4):
        backbone = fresh("vit")
        with torch.no_grad():
            for each in backbone.module.parameters():
                each.fill_(0.01)
        torch.manual_seed(len(marks))  # what was drawn before makes no difference
        adapters.insert(backbone, 0, RANK, batch("vit"), seed)
        marks.append(backbone.fingerprint())
    assert marks[0] == marks[1] != marks[2]


def test_without_peft(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UserError, match="peft") as caught:
        adapters.require_layers(fresh("vit"), 0, RANK)
    assert "pip install headstart[lora]" in caught.value.hint
