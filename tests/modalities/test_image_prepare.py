"""What `prepare` and `collate` give equals what the checkpoint's own transform gives."""

import io
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from headstart.modalities.image import Image
from headstart.schema import ImageSpec
from tests.modalities.odd_pictures import odd_files

ODD = odd_files()
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@cache
def ours(name):
    return Image().read(ODD[name])


@cache
def plain(name):
    """Decode as the loaders of timm and transformers do: transparency is dropped.

    (A picture passed to a processor with its alpha would be laid on white by some processors and
    not by others.)
    """
    with Pillow.open(io.BytesIO(ODD[name])) as opened:
        opened.info.pop("transparency", None)  # Pillow warns about it before it drops it.
        return opened.convert("RGB")


def prepared(name, spec):
    image = Image()
    return image.collate([image.prepare(ours(name), spec)], spec)["x"][0]


def furthest(one, other):
    assert one.shape == other.shape
    return float(np.abs(one.numpy() - other.numpy()).max())


def timm_transform(**options):
    transforms = pytest.importorskip("timm.data")
    return transforms.create_transform(input_size=options.pop("input_size", 224), **options)


TIMM = {
    "bicubic, a margin cropped": (
        {"crop_pct": 0.95, "interpolation": "bicubic"},
        ImageSpec(resize=("shortest", 235), interpolation="bicubic"),
    ),
    "bilinear, a wide margin": (
        {"crop_pct": 0.875, "interpolation": "bilinear", "input_size": 96},
        ImageSpec(size=(96, 96), resize=("shortest", 109), crop=(96, 96)),
    ),
    "squashed": (
        {"crop_pct": 1.0, "crop_mode": "squash", "interpolation": "bicubic"},
        ImageSpec(resize=("exact", 224, 224), interpolation="bicubic"),
    ),
    "within borders": (
        {"crop_pct": 1.0, "crop_mode": "border", "interpolation": "bilinear"},
        ImageSpec(resize=("contain", 224, 224)),
    ),
    "not square": (
        {"crop_pct": 0.9, "input_size": (3, 64, 128), "interpolation": "lanczos"},
        ImageSpec(
            size=(64, 128), resize=("cover", 71, 142), crop=(64, 128), interpolation="lanczos"
        ),
    ),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("how", TIMM)
def test_equals_timm(name, how):
    options, spec = TIMM[how]
    if how == "within borders" and name in ("one-pixel-wide", "one-pixel-high"):
        pytest.skip("timm rounds the short side to no pixel at all and raises")
    theirs = timm_transform(**options)(plain(name))
    assert furthest(prepared(name, spec), theirs) <= 1e-6


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("which", ["vit", "clip", "mobilenet"])
def test_equals_transformers(name, which):
    transformers = pytest.importorskip("transformers")
    if which == "vit":
        processor = transformers.ViTImageProcessor()
        spec = ImageSpec(
            resize=("exact", 224, 224),
            crop=None,
            engine="torch",
            mean=tuple(processor.image_mean),
            std=tuple(processor.image_std),
        )
    elif which == "clip":
        processor = transformers.CLIPImageProcessor()
        spec = ImageSpec(
            interpolation="bicubic",
            engine="torch",
            crop_rounding="down",
            mean=tuple(processor.image_mean),
            std=tuple(processor.image_std),
        )
    else:
        processor = transformers.MobileNetV2ImageProcessor()
        spec = ImageSpec(
            resize=("shortest", 256),
            engine="torch",
            crop_rounding="down",
            mean=tuple(processor.image_mean),
            std=tuple(processor.image_std),
        )
    theirs = processor(images=plain(name), return_tensors="pt")["pixel_values"][0]
    # Where torchvision has no uint8 kernel it rounds through floats: one grey level.
    level = 1e-6 if "AVX" in torch.backends.cpu.get_cpu_capability() else 1 / 255 / min(spec.std)
    assert furthest(prepared(name, spec), theirs) <= level + 1e-6


def test_a_strip_does_not_grow_to_gigabytes():
    strip = Pillow.effect_noise((4000, 1), 60).convert("RGB")
    spec = ImageSpec(resize=("shortest", 256), interpolation="bicubic")
    image = Image()
    ours = image.prepare(image.read(strip), spec)["x"]
    middle = strip.crop((1980, 0, 2020, 1)).resize((256 * 40, 256), Pillow.Resampling.BICUBIC)
    left = (256 * 40 - 224) // 2
    theirs = np.asarray(middle)[16:240, left : left + 224].transpose(2, 0, 1)
    assert ours.shape == (3, 224, 224)
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_one_channel():
    spec = ImageSpec(
        size=(28, 28), resize=("exact", 28, 28), crop=None, mean=(0.5,), std=(0.25,), channels=1
    )
    batch = prepared("jpeg", spec)
    assert batch.shape == (1, 28, 28)
    grey = plain("jpeg").convert("L").resize((28, 28), Pillow.Resampling.BILINEAR)
    theirs = (torch.from_numpy(np.array(grey)).float() / 255 - 0.5) / 0.25
    assert furthest(batch[0], theirs) <= 1e-6


def test_prepared_pictures_stay_small_and_batches_are_channels_last():
    image, spec = Image(), ImageSpec()
    one = image.prepare(image.read(ODD["jpeg"]), spec)["x"]
    assert one.dtype == np.uint8
    assert one.shape == (3, 224, 224)
    # The store gives rows back in another memory order; the batch must not notice.
    batch = image.collate([{"x": one}, {"x": np.ascontiguousarray(one)}], spec)["x"]
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch[0], batch[1])


def test_a_picture_of_the_right_size_is_left_alone():
    image = Image()
    pixels = np.arange(224 * 224 * 3, dtype=np.uint32).reshape(224, 224, 3).astype(np.uint8)
    for engine in ("pillow", "torch"):
        found = image.prepare(image.read(pixels), ImageSpec(engine=engine))["x"]
        assert np.array_equal(found, pixels.transpose(2, 0, 1))
