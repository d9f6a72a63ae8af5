"""Backbones in local folders: saved by timm or transformers, loaded as they were, or refused."""

import json

import pytest
import torch
from safetensors.torch import load_file

from headstart.backbones.source import build_backbone, describe, open_backbone
from headstart.errors import BackboneError, UnknownName
from tests.standing import PROCESSOR, files, save_tiny


@pytest.mark.parametrize("kind", ["timm", "hf"])
def test_saved_model_comes_back_with_its_weights(kind, tmp_path):
    folder = save_tiny(tmp_path / "model", kind)
    backbone = open_backbone(str(folder), offline=True)
    stored = load_file(folder / "model.safetensors")
    loaded = backbone.module.state_dict()
    prefix = "vit." if kind == "hf" else ""
    for name, tensor in loaded.items():
        if name.startswith("pooler."):
            continue
        saved = stored.get(prefix + name)
        if saved is not None:
            assert torch.equal(tensor, saved), name
    assert backbone.depth == (5 if kind == "timm" else 3)
    assert backbone.name == "folder/model"
    assert str(tmp_path) not in json.dumps(dict(backbone.recipe))


@pytest.mark.parametrize("kind", ["timm", "hf"])
def test_recipe_of_a_folder_needs_no_folder(kind, tmp_path):
    folder = save_tiny(tmp_path / "model", kind)
    backbone = open_backbone(str(folder))
    for path in folder.iterdir():
        path.unlink()
    again = build_backbone(json.loads(json.dumps(backbone.recipe)))
    again.module.load_state_dict(backbone.module.state_dict())
    again.changed()
    assert again.fingerprint() == backbone.fingerprint()
    pixels = {"x": torch.randn(2, 3, 32, 32)}
    with torch.inference_mode():
        assert torch.equal(again(dict(pixels))["x"], backbone(dict(pixels))["x"])


@pytest.mark.parametrize("kind", ["timm", "hf"])
def test_copy_in_another_folder_is_the_same_backbone(kind, tmp_path):
    one = open_backbone(str(save_tiny(tmp_path / "one", kind)))
    other = open_backbone(str(save_tiny(tmp_path / "other", kind)))
    assert one.fingerprint() == other.fingerprint()


def test_pooler_that_the_checkpoint_lacks_is_no_reading(tmp_path):
    backbone = open_backbone(str(save_tiny(tmp_path / "model", "hf")))
    with torch.inference_mode():
        readings = backbone.read(backbone({"x": torch.randn(1, 3, 32, 32)}), backbone.depth)
    assert sorted(readings) == ["mean", "token"]


def test_preprocessing_comes_from_the_folder(tmp_path):
    spec = open_backbone(str(save_tiny(tmp_path / "hf", "hf"))).spec
    assert spec.resize == ("exact", 32, 32)
    assert (spec.mean, spec.std) == (
        tuple(PROCESSOR["image_mean"]),
        tuple(PROCESSOR["image_std"]),
    )
    assert (spec.interpolation, spec.engine, spec.crop) == ("bicubic", "torch", None)
    spec = open_backbone(str(save_tiny(tmp_path / "timm", "timm"))).spec
    assert (spec.size, spec.resize, spec.engine) == ((160, 160), ("shortest", 168), "pillow")


def test_card_says_what_is_in_the_folder(tmp_path):
    card = describe(str(save_tiny(tmp_path / "model", "timm")))
    assert (card.family, card.local, card.origin) == ("ResNet", True, "a local folder")
    assert 300_000 < card.parameters < 400_000


def test_half_precision_checkpoint_is_float32_once_loaded(tmp_path):
    from transformers import ViTModel

    folder = save_tiny(tmp_path / "model", "hf")
    ViTModel.from_pretrained(folder).half().save_pretrained(folder)
    assert "float16" in (folder / "config.json").read_text()
    backbone = open_backbone(str(folder))
    for each in (backbone, build_backbone(json.loads(json.dumps(backbone.recipe)))):
        assert {tensor.dtype for tensor in each.module.parameters()} == {torch.float32}


@pytest.mark.parametrize("kind", ["CLIP", "Siglip"])
def test_picture_tower_is_taken_from_a_checkpoint_with_a_text_tower(kind, tmp_path):
    import transformers

    side = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
    }
    config = getattr(transformers, f"{kind}Config")(
        text_config=side, vision_config={**side, "image_size": 32, "patch_size": 8}
    )
    both = getattr(transformers, f"{kind}Model")(config).eval()
    folder = tmp_path / "model"
    both.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    backbone = open_backbone(str(folder))
    pixels = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = both.vision_model(pixels).last_hidden_state
        assert torch.equal(backbone({"x": pixels})["x"], expected)
    again = build_backbone(json.loads(json.dumps(backbone.recipe)))
    again.module.load_state_dict(backbone.module.state_dict())
    again.changed()
    assert again.fingerprint() == backbone.fingerprint()


def _without(name):
    return lambda folder: (folder / name).unlink()


def _only_pickle(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _truncated(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def _rewritten(**changes):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def _config_text(text):
    return lambda folder: (folder / "config.json").write_text(text)


def _index_leading_out(folder):
    (folder / "model.safetensors").rename(folder / "part.safetensors")
    index = {"weight_map": {"a": "../elsewhere.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("kind", "damage", "error", "says"),
    [
        ("timm", _without("config.json"), BackboneError, "no config.json"),
        ("hf", _config_text("{"), BackboneError, "cannot be read"),
        ("hf", _config_text("[]"), BackboneError, "not a JSON object"),
        ("hf", _config_text("{}"), BackboneError, "neither timm's"),
        ("timm", _only_pickle, BackboneError, "can run code"),
        ("hf", _only_pickle, BackboneError, "can run code"),
        ("hf", _index_leading_out, BackboneError, "no safetensors weights"),
        ("timm", _truncated, BackboneError, "not a whole safetensors file"),
        ("hf", _without("preprocessor_config.json"), BackboneError, "no preprocessor_config.json"),
        ("timm", _rewritten(architecture="resnet10x"), UnknownName, "Did you mean 'resnet10t'?"),
        ("hf", _rewritten(model_type="vitt"), BackboneError, "Did you mean 'vit'?"),
        ("hf", _rewritten(model_type="vit_mae"), BackboneError, "hides patches at random"),
        ("hf", _rewritten(num_hidden_layers=3), BackboneError, "do not fill"),
        ("hf", _rewritten(hidden_size=48), BackboneError, "transformers cannot make"),
        ("hf", _rewritten(hidden_size="wide"), BackboneError, "transformers cannot make"),
        ("timm", _rewritten(model_args={"block_args": 3}), BackboneError, "timm cannot make"),
        ("timm", _rewritten(model_args={"in_chans": 4}), BackboneError, "timm cannot make"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_damaged_folder_is_refused_with_a_cure(kind, damage, error, says, tmp_path):
    folder = save_tiny(tmp_path / "model", kind)
    damage(folder)
    with pytest.raises(error) as caught:
        open_backbone(str(folder))
    assert says in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["", "/no/such/folder", "./mine", "resnet18", "timm/"])
def test_what_is_neither_a_folder_nor_a_name(name):
    with pytest.raises(UnknownName, match=f"There is no backbone '{name}'") as caught:
        open_backbone(name)
    assert "timm/resnet18" in caught.value.hint


def test_code_that_a_folder_brings_along_is_not_run(tmp_path):
    folder = save_tiny(tmp_path / "model", "hf")
    _rewritten(model_type="mine", auto_map={"AutoModel": "mine.Mine", "AutoConfig": "mine.Config"})(
        folder
    )
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(BackboneError, match="own code is never run"):
        open_backbone(str(folder))
    assert not (tmp_path / "ran").exists()


def test_files_are_those_of_safetensors_only():
    assert {"config.json", "model.safetensors"} <= set(files("timm"))
    assert not any(name.endswith(".bin") for name in files("hf"))
