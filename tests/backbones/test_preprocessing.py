"""A checkpoint's preprocessing, as its library does it and as headstart does it by the spec."""

import json

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from headstart.backbones.from_timm import image_spec
from headstart.backbones.transformers_spec import read_spec, spec_from_json
from headstart.errors import BackboneError
from headstart.modalities.image import Image

SIZES = [(37, 61), (90, 50), (301, 200), (64, 64), (1, 9), (15, 240)]


def pictures():
    noise = np.random.default_rng(0)
    for width, height in SIZES:
        coarse = noise.integers(0, 256, (height // 3 + 2, width // 3 + 2, 3), dtype=np.uint8)
        yield Pillow.fromarray(coarse).resize((width, height), Pillow.Resampling.BICUBIC)


def prepared(picture, spec):
    image = Image()
    return image.collate([image.prepare(picture, spec)], spec)["x"][0]


TIMM = {
    "plain": {"crop_pct": 0.875},
    "no margin": {"crop_pct": 1.0},
    "odd margin": {"crop_pct": 0.9, "input_size": (3, 33, 33)},
    "bilinear": {"interpolation": "bilinear", "crop_pct": 0.95},
    "squash": {"crop_mode": "squash", "crop_pct": 0.9},
    "border": {"crop_mode": "border", "crop_pct": 0.9},
    "not square": {"input_size": (3, 48, 32), "crop_pct": 0.875},
    "own colours": {"mean": (0.1, 0.2, 0.3), "std": (0.9, 0.8, 0.7)},
}


@pytest.mark.parametrize("name", TIMM)
def test_timm_checkpoint_sees_what_timm_would_show_it(name):
    from timm.data import create_transform, resolve_data_config

    data = resolve_data_config({}, pretrained_cfg={"input_size": (3, 32, 32)} | TIMM[name])
    transform = create_transform(**data)
    spec = image_spec(data)
    assert spec_from_json(json.loads(json.dumps(spec.to_json()))) == spec
    for picture in pictures():
        try:
            expected = transform(picture)
        except ValueError:  # a side of no pixel
            continue
        torch.testing.assert_close(prepared(picture, spec), expected, rtol=0, atol=1e-5)


HF = {
    "ViT": {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 24}},
    "ViT slow": {
        "image_processor_type": "ViTImageProcessorPil",
        "size": {"height": 32, "width": 32},
    },
    "DeiT": {
        "image_processor_type": "DeiTImageProcessor",
        "size": {"height": 37, "width": 37},
        "crop_size": {"height": 32, "width": 32},
    },
    "DINOv2": {
        "image_processor_type": "BitImageProcessor",
        "size": {"shortest_edge": 37},
        "crop_size": {"height": 32, "width": 32},
    },
    "CLIP": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 32},
        "crop_size": {"height": 32, "width": 32},
    },
    "ConvNeXt": {
        "image_processor_type": "ConvNextImageProcessor",
        "size": {"shortest_edge": 32},
        "crop_pct": 0.875,
    },
    "ConvNeXt large": {
        "image_processor_type": "ConvNextImageProcessor",
        "size": {"shortest_edge": 384},
    },
    "BEiT": {
        "image_processor_type": "BeitImageProcessor",
        "size": {"height": 40, "width": 40},
        "crop_size": {"height": 32, "width": 32},
        "do_center_crop": True,
    },
    "EfficientNet": {
        "image_processor_type": "EfficientNetImageProcessor",
        "size": {"height": 32, "width": 32},
        "include_top": True,
    },
    "EfficientNet offset": {
        "image_processor_type": "EfficientNetImageProcessor",
        "size": {"height": 32, "width": 32},
        "rescale_factor": 1 / 127.5,
        "rescale_offset": True,
        "include_top": False,
    },
    "MobileNetV2": {
        "image_processor_type": "MobileNetV2ImageProcessor",
        "size": {"shortest_edge": 40},
        "crop_size": {"height": 32, "width": 32},
    },
    "SigLIP": {"image_processor_type": "SiglipImageProcessor", "size": {"height": 32, "width": 32}},
    "not normalised": {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 32, "width": 32},
        "do_normalize": False,
    },
}


def processor(folder, values):
    from transformers import AutoImageProcessor

    (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    return AutoImageProcessor.from_pretrained(folder)


@pytest.mark.parametrize("name", HF)
def test_transformers_checkpoint_sees_what_its_processor_would_show_it(name, tmp_path):
    original = processor(tmp_path, HF[name])
    spec, remark = read_spec(tmp_path, "hf/some/model", 3)
    assert remark == ""
    for picture in pictures():
        if min(picture.size) == 1:
            continue  # the processor takes one pixel for a channel
        expected = original(picture, return_tensors="pt")["pixel_values"][0]
        torch.testing.assert_close(prepared(picture, spec), expected, rtol=0, atol=2e-5)


def test_channels_in_another_order_are_refused(tmp_path):
    values = {"image_processor_type": "MobileViTImageProcessor", "do_flip_channel_order": True}
    processor(tmp_path, values)
    with pytest.raises(BackboneError, match="blue, green, red"):
        read_spec(tmp_path, "hf/some/model", 3)


def test_processor_with_steps_of_its_own_is_remarked_upon(tmp_path):
    processor(tmp_path, {"image_processor_type": "DINOv3ViTImageProcessor"})
    _, remark = read_spec(tmp_path, "hf/some/model", 3)
    assert "DINOv3ViTImageProcessor may do more" in remark
