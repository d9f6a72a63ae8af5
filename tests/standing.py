"""A tiny backbone with random weights in a local folder, as timm saves it; fixed by its seed."""

from __future__ import annotations

from pathlib import Path


def save_tiny(folder: Path, seed: int = 0, architecture: str = "test_resnet") -> Path:
    """Write a tiny timm model to a folder that `--backbone` takes."""
    import timm
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = timm.create_model(architecture, pretrained=False, num_classes=7)
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    return folder
