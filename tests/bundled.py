"""Tiny nets with random weights, laid out as a release holds the bundled ones."""

from __future__ import annotations

import json

from tests.standing import files


def lay_out(folder):
    """Lay out a net for each kind of input in a folder, and return the folder."""
    lay_out_image(folder / "image")
    lay_out_audio(folder / "audio")
    lay_out_text(folder / "text")
    return folder


def lay_out_image(folder):
    """Lay out a net that sees."""
    import torch
    from safetensors.torch import save_file

    from headstart.backbones.nets.image import SmallResNet

    folder.mkdir()
    config = {"widths": [8, 16, 32, 32], "blocks": [1, 1, 1, 1], "features": 64, "classes": 3}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = SmallResNet(**config)
    save_file(net.state_dict(), folder / "model.safetensors")
    card = {
        "architecture": "SmallResNet",
        "config": config,
        "parameters": sum(each.numel() for each in net.parameters()),
        "input": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
    }
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")


def lay_out_audio(folder):
    """Lay out a net that hears."""
    import torch
    from safetensors.torch import save_file

    from headstart.backbones.nets.audio import AudioConfig, AudioNet

    folder.mkdir()
    config = {"mels": 16, "widths": [4, 6, 8], "blocks": 1, "tail": 12}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = AudioNet(AudioConfig.from_json(config))
    save_file(net.state_dict(), folder / "model.safetensors")
    card = {
        "architecture": "AudioNet",
        "config": config,
        "parameters": sum(each.numel() for each in net.parameters()),
        "modality": "audio",
        "input": {"rate": 16000, "window": 12000},
    }
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")


def lay_out_text(folder):
    """Lay out a net that reads."""
    import hashlib

    import torch
    from safetensors.torch import save_file

    from headstart.backbones.nets.text import TextConfig, TextNet

    folder.mkdir()
    content = files("text")["tokenizer.json"]
    rows = len(json.loads(content)["model"]["vocab"])
    config = TextConfig(rows, rows, embedding=8, width=16, depth=1, inner=24, output=12)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        net = TextNet(config)
    save_file(net.state_dict(), folder / "model.safetensors")
    (folder / "tokenizer.json").write_bytes(content)
    card = {
        "architecture": "TextNet",
        "config": config.as_dict(),
        "parameters": sum(each.numel() for each in net.parameters()),
        "modality": "text",
        "input": {"tokenizer": hashlib.sha256(content).hexdigest(), "length": 30},
    }
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
