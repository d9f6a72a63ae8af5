"""Tiny models as their libraries save them, in folders."""

import functools
import json
import tempfile
from pathlib import Path

import torch

PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.4, 0.5, 0.6],
    "image_std": [0.2, 0.3, 0.4],
}


@functools.cache
def _folder(kind: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"saved-{kind}-"))
    torch.manual_seed(5)
    if kind == "timm":
        import timm

        overlay = {"input_size": (3, 32, 32), "crop_pct": 1.0, "num_classes": 7}
        net = timm.create_model("resnet10t", num_classes=7, pretrained_cfg_overlay=overlay)
        timm.models.save_for_hf(net, folder, safe_serialization=True)
    else:
        import transformers

        config = transformers.ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=48,
            image_size=32,
            patch_size=8,
            num_labels=7,
        )
        transformers.ViTForImageClassification(config).save_pretrained(folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


def files(kind: str) -> dict[str, bytes]:
    """Return the files of a tiny `timm` or `hf` model."""
    return {path.name: path.read_bytes() for path in sorted(_folder(kind).iterdir())}


def lay_out(kind: str, folder: Path) -> Path:
    """Write the files of a tiny model into a folder of the test's own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files(kind).items():
        (folder / name).write_bytes(content)
    return folder
