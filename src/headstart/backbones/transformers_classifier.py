"""The classifier that a transformers checkpoint came with, which its base model leaves out.

It is read from the weights beside the backbone and stands on what the backbone reads; it is no part
of the module, so nothing about the backbone depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from headstart.backbones.base import Backbone, State
from headstart.backbones.weights_file import weight_files

LAYERS = ("classifier", "classifier.1")
"""What the linear layer is called: alone, or after one that flattens."""


def old_classifier(
    folder: Path, backbone: Backbone, readings: Sequence[str]
) -> Callable[[State], torch.Tensor] | None:
    """Return the way from the last state to the checkpoint's scores; None where it has none.

    `readings` are those of the last state that its classifier sees, side by side.
    """
    tensors = _read(folder) if readings else {}
    layer = next((name for name in LAYERS if f"{name}.weight" in tensors), None)
    if layer is None:
        return None
    weight, bias = tensors[f"{layer}.weight"].float(), tensors.get(f"{layer}.bias")

    def classify(state: State) -> torch.Tensor:
        found = backbone.read(state, backbone.depth)
        seen = torch.cat([found[name] for name in readings], 1).float()
        return torch.nn.functional.linear(seen, weight, None if bias is None else bias.float())

    return classify


def _read(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors import safe_open

    wanted = {f"{layer}.{part}" for layer in LAYERS for part in ("weight", "bias")}
    found: dict[str, torch.Tensor] = {}
    for file in weight_files(folder):
        with safe_open(file, "pt") as opened:
            found |= {name: opened.get_tensor(name) for name in wanted & set(opened.keys())}
    return found
