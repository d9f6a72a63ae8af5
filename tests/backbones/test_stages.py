"""The contracts that every backbone keeps, whichever family it is of."""

import dataclasses
import json

import pytest
import torch

from headstart.backbones.source import build_backbone, fresh_weights
from headstart.precision import cast
from tests.backbones.families import AUDIO, TEXT, TINY, batch, build


@pytest.fixture(params=TINY)
def tiny(request):
    return request.param


@pytest.fixture
def backbone(tiny):
    return build(tiny)


def names_of(module):
    every = [*module.named_parameters(remove_duplicate=False)]
    every += module.named_buffers(remove_duplicate=False)
    return dict(every)


@torch.inference_mode()
def test_family_falls_into_its_stages(tiny, backbone):
    assert backbone.depth == TINY[tiny].stages
    assert backbone.opaque == TINY[tiny].opaque
    assert backbone.card.family == TINY[tiny].family
    assert len({stage.name for stage in backbone.stages}) == backbone.depth


@torch.inference_mode()
def test_split_equals_whole_at_every_boundary(tiny, backbone):
    state = batch(tiny)
    whole = backbone(dict(state))
    for boundary in range(backbone.depth + 1):
        half = backbone(dict(state), stop=boundary)
        kept = {name: tensor.clone() for name, tensor in half.items()}
        again = backbone(dict(half), start=boundary)
        assert again.keys() == whole.keys()
        for name in whole:
            assert torch.equal(again[name], whole[name]), (boundary, name)
        for name in kept:  # what is cached must not change under the stages that read it
            assert torch.equal(kept[name], half[name]), (boundary, name)


@torch.inference_mode()
@pytest.mark.parametrize("tiny", [name for name in TINY if TINY[name].modality == "image"])
def test_whole_equals_the_library(tiny, backbone):
    state = batch(tiny)
    ours = backbone(dict(state))
    readings = backbone.read(ours, backbone.depth)
    module = backbone.module
    if TINY[tiny].recipe["source"] == "timm":
        features = module.forward_features(state["x"])
        pooled = module.forward_head(features, pre_logits=True)
        assert torch.equal(ours["x"], features)
    else:
        output = module(state["x"])
        assert torch.equal(ours["x"], output.last_hidden_state)
        pooled = output.get("pooler_output")
    if pooled is None:
        return
    # What the library's own classifier would see is among the readings.
    pooled = pooled.flatten(1)
    near = [each for each in readings.values() if each.shape == pooled.shape]
    assert any(torch.allclose(each, pooled, atol=1e-5) for each in near), list(readings)


@torch.inference_mode()
@pytest.mark.parametrize("tiny", [name for name in TINY if TINY[name].recipe["source"] == "timm"])
def test_the_old_classifier_answers_as_the_library_has_it(tiny, backbone):
    state = batch(tiny)
    has_one = TINY[tiny].recipe["pretrained_cfg"]["num_classes"] > 0
    assert (backbone.classify is not None) == has_one
    if has_one:
        scores = backbone.classify(backbone(dict(state)))
        torch.testing.assert_close(scores, backbone.module(state["x"]))


@torch.inference_mode()
@pytest.mark.parametrize("tiny", AUDIO)
def test_whole_hears_what_the_library_hears_of_each_sound_alone(tiny, backbone):
    state, module = batch(tiny, count=3), backbone.module
    ours = backbone(dict(state))
    for row in range(3):
        x = state["x"][row]
        if "samples" in state:
            x = x.flatten()[: int(state["samples"][row])]
        whole = TINY[tiny].family == "Whisper"
        output = module.encoder(x.T[None]) if whole else module(x[None])
        alone = output.last_hidden_state[0]
        mine = ours["x"][row][ours["mask"][row]]
        torch.testing.assert_close(mine, alone, rtol=1e-4, atol=1e-5)
        if (pooled := output.get("pooler_output")) is not None:
            readings = backbone.read(ours, backbone.depth)
            torch.testing.assert_close(readings["pooled"][row], pooled[0], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("tiny", TEXT)
def test_whole_reads_what_the_library_reads_of_each_text(tiny, backbone):
    state, module = batch(tiny, count=3), backbone.module
    ours = backbone(dict(state))
    kinds = {"token_type_ids": state["kinds"]} if "kinds" in state else {}
    library = module(input_ids=state["x"], attention_mask=state["mask"].long(), **kinds)
    for row, mask in enumerate(state["mask"]):
        assert torch.equal(ours["x"][row][mask], library.last_hidden_state[row][mask])
    if TINY[tiny].recipe["reading"] is not None:
        states = [library.last_hidden_state[row][mask] for row, mask in enumerate(state["mask"])]
        mean = torch.stack([torch.nn.functional.normalize(x.mean(0), dim=0) for x in states])
        last = torch.stack([x[-1] for x in states])
        pooled = backbone.read(ours, backbone.depth)["pooled"]
        expected = {"mean": mean, "last": last}[TINY[tiny].recipe["reading"]["pooling"]]
        torch.testing.assert_close(pooled, expected, rtol=1e-5, atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("tiny", [name for name in TINY if TINY[name].modality != "image"])
def test_padding_is_not_perceived(tiny, backbone):
    many, alone = batch(tiny, count=4), batch(tiny, count=4)
    last = {name: tensor[3:] for name, tensor in alone.items()}
    if "samples" in last or TINY[tiny].modality == "text":
        long = last["mask"].shape
        last = {
            name: tensor[:, : int(last["mask"].sum())] if tensor.shape[:2] == long else tensor
            for name, tensor in last.items()
        }
    for boundary in range(backbone.depth + 1):
        beside = backbone.read(backbone(dict(many), stop=boundary), boundary)
        by_itself = backbone.read(backbone(dict(last), stop=boundary), boundary)
        for name in beside:
            torch.testing.assert_close(beside[name][3], by_itself[name][0], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("tiny", TEXT)
def test_positions_that_are_asked_about_are_read_at_every_boundary(tiny, backbone):
    state = batch(tiny, count=3)
    asked = state["mask"].clone()
    asked[:, ::2] = False
    plain, marked = dict(state), {**state, "rows": asked}
    for boundary in range(1, backbone.depth + 1):
        plain = backbone(plain, start=boundary - 1, stop=boundary)
        marked = backbone(marked, start=boundary - 1, stop=boundary)
        (rows,) = backbone.read(marked, boundary).values()
        assert torch.equal(rows, plain["x"][asked])


@torch.inference_mode()
def test_every_boundary_reads_as_vectors(tiny, backbone):
    state = batch(tiny, count=3)
    for boundary in range(backbone.depth + 1):
        if boundary:
            state = backbone(state, start=boundary - 1, stop=boundary)
        readings = backbone.read(state, boundary)
        assert readings
        for name, vectors in readings.items():
            assert vectors.dim() == 2, (boundary, name)
            assert vectors.shape[0] == 3, (boundary, name)
            assert torch.isfinite(vectors).all(), (boundary, name)


def test_every_tensor_has_one_owner(backbone):
    owned = [name for stage in backbone.stages for name in stage.owns]
    everything = [*owned, *backbone.unowned]
    assert len(everything) == len(set(everything))
    assert set(everything) == set(names_of(backbone.module))


def test_classifier_belongs_to_no_stage(tiny, backbone):
    if TINY[tiny].recipe["source"] != "timm":
        assert backbone.unowned == ()
        return
    classifier = backbone.module.get_classifier()
    heads = classifier if isinstance(classifier, tuple) else (classifier,)
    expected = {id(tensor) for head in heads for tensor in head.parameters()}
    found = {id(names_of(backbone.module)[name]) for name in backbone.unowned}
    assert found == expected


@torch.inference_mode()
def test_frozen_stages_use_nothing_that_later_stages_own(tiny):
    backbone = build_backbone(build(tiny).recipe)
    tensors = names_of(backbone.module)
    state = batch(tiny)
    states = [backbone(dict(state), stop=boundary) for boundary in range(backbone.depth + 1)]
    before = [{name: tensor.clone() for name, tensor in each.items()} for each in states]
    for boundary in range(backbone.depth - 1, -1, -1):
        for name in backbone.stages[boundary].owns:
            if tensors[name].is_floating_point():
                tensors[name].add_(0.5)
        again = backbone(dict(state), stop=boundary)
        for name in again:
            assert torch.equal(again[name], before[boundary][name]), (boundary, name)


@torch.inference_mode()
def test_neighbour_in_the_batch_changes_nothing(tiny, backbone):
    one, other = batch(tiny, count=2), batch(tiny, count=2, seed=1)
    other["x"][0] = one["x"][0]
    for boundary in range(1, backbone.depth + 1):
        mine, theirs = backbone(dict(one), stop=boundary), backbone(dict(other), stop=boundary)
        for name in mine:
            torch.testing.assert_close(mine[name][0], theirs[name][0], rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_runs_in_bfloat16_and_channels_last(tiny):
    backbone = build_backbone(build(tiny).recipe)
    backbone.module.to(torch.bfloat16)
    state = backbone(cast(batch(tiny), "bfloat16"))
    for vectors in backbone.read(state, backbone.depth).values():
        assert vectors.dtype == torch.bfloat16
        assert torch.isfinite(vectors).all()


def test_recipe_rebuilds_the_same_structure(backbone):
    again = build_backbone(json.loads(json.dumps(backbone.recipe)))
    ours, theirs = names_of(backbone.module), names_of(again.module)
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}
    assert [s.owns for s in again.stages] == [s.owns for s in backbone.stages]
    assert again.unowned == backbone.unowned
    assert again.spec == backbone.spec
    again.module.load_state_dict(backbone.module.state_dict())
    again.changed()
    assert again.fingerprint() == backbone.fingerprint()


def test_is_frozen_and_in_eval_mode_when_opened(backbone):
    assert not any(part.training for part in backbone.module.modules())
    assert not any(each.requires_grad for each in backbone.module.parameters())


@pytest.mark.parametrize("tiny", ["resnet", "vit", "hf_swin", "opaque_map"])
def test_fresh_weights_reach_the_stages_asked_for_and_no_others(tiny):
    backbone = build_backbone(build(tiny).recipe)
    boundary = backbone.depth // 2
    before = {name: tensor.clone() for name, tensor in names_of(backbone.module).items()}
    mark = backbone.fingerprint()
    fresh_weights(backbone, boundary, seed=7)
    after = names_of(backbone.module)
    asked = {name for stage in backbone.stages[boundary:] for name in stage.owns}
    changed = {name for name in after if not torch.equal(before[name], after[name])}
    assert changed
    assert changed <= asked
    assert backbone.fingerprint() != mark
    again = build_backbone(build(tiny).recipe)
    again.module.load_state_dict(before, strict=False)
    fresh_weights(again, boundary, seed=7)
    assert again.fingerprint() == backbone.fingerprint()


def test_fresh_weights_leave_the_callers_random_numbers_alone():
    backbone = build_backbone(build("resnet").recipe)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    fresh_weights(backbone, 0, seed=1)
    assert torch.equal(torch.rand(2), expected)


def test_fingerprint_tells_weights_and_preprocessing_apart():
    one, same, other = (build_backbone(build("resnet").recipe) for _ in range(3))
    for each in (same, other):
        each.module.load_state_dict(one.module.state_dict())
    assert one.fingerprint() == same.fingerprint()
    other.spec = dataclasses.replace(other.spec, interpolation="nearest")
    assert other.fingerprint() != one.fingerprint()
    with torch.no_grad():
        next(same.module.parameters()).view(-1)[0].add_(1e-3)
    assert same.fingerprint() == one.fingerprint()  # kept until it is told
    same.changed()
    assert same.fingerprint() != one.fingerprint()


def test_an_adapter_put_in_place_of_a_layer_is_the_one_that_runs():
    backbone = build_backbone(build("resnet").recipe)
    state = batch("resnet")
    with torch.inference_mode():
        before = backbone(dict(state))["x"]
        backbone.module.layer4 = torch.nn.Identity()
        after = backbone(dict(state))["x"]
    assert after.shape != before.shape
