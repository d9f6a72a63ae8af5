"""Low-rank adapters (LoRA): small matrices trained beside linear layers that stay as they are.

Beside a layer's weight W stands a product B·A of low rank (Hu et al. 2021, arXiv:2106.09685). B is
zero at first, so nothing changes when adapters are inserted. The work is peft's: it puts a layer of
its own in the place of a linear one, whose tensors are then called `layer.base_layer.weight`. Each
of them keeps the stage that owns it, and what is new belongs to the same stage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from headstart.backbones.base import Backbone, Stage, State
from headstart.errors import UserError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
"""What peft calls its files."""

NAME = "default"
"""What peft calls an adapter that nobody named."""

SAVED_UNDER = "base_model.model."
"""What peft puts before every name in its files."""

Tensors = dict[str, torch.Tensor]


class Adapters:
    """The adapters in a backbone: one beside each of the layers named, all of one rank.

    The factor before B·A is 1. `reference` is the fingerprint of the backbone without them.
    """

    def __init__(self, backbone: Backbone, layers: Iterable[str], rank: int, seed: int = 0) -> None:
        self.backbone, self.layers, self.rank = backbone, tuple(sorted(layers)), rank
        self.reference, self._stages = backbone.fingerprint(), backbone.stages
        require_peft()
        from peft import LoraConfig, LoraModel

        # An expression, because peft takes a plain name for the end of longer ones too.
        targets = "|".join(re.escape(name) for name in self.layers)
        self._config = LoraConfig(r=rank, lora_alpha=rank, target_modules=targets)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._tuner = LoraModel(backbone.module, self._config, NAME)
        backbone.stages = tuple(self._with_adapters(stage) for stage in self._stages)
        backbone.adapters = frozenset(name for layer in self.layers for name in _both(layer))
        self._settle()

    def _with_adapters(self, stage: Stage) -> Stage:
        owns: list[str] = []
        for name in stage.owns:
            layer, _, kind = name.rpartition(".")
            owns.append(f"{layer}.base_layer.{kind}" if layer in self.layers else name)
            owns += _both(layer) if layer in self.layers and kind == "weight" else ()
        return replace(stage, owns=tuple(owns))

    def _settle(self) -> None:
        self.backbone.module.eval()
        self.backbone.module.requires_grad_(False)
        self.backbone.changed()

    def remove(self) -> None:
        """Leave the backbone as it was before."""
        self._tuner.unload()
        self._restore()

    def merge(self) -> None:
        """Add each B·A to the weight that it stands beside, and leave no adapters."""
        self._tuner.merge_and_unload()
        self._restore()

    def _restore(self) -> None:
        self.backbone.stages, self.backbone.adapters = self._stages, frozenset()
        self._settle()

    def weights_beside(self) -> Tensors:
        """Return the tensors of the backbone without its adapters, by the library's own names."""
        return {
            self._plain(name): tensor
            for name, tensor in self.backbone.module.state_dict().items()
            if name not in self.backbone.adapters
        }

    def _plain(self, name: str) -> str:
        layer, _, kind = name.rpartition(".base_layer.")
        return f"{layer}.{kind}" if layer in self.layers else name

    def files(self) -> dict[str, bytes]:
        """Return what peft itself would save, by file name."""
        from safetensors.torch import save

        about = {
            name: sorted(value) if isinstance(value, set) else value
            for name, value in self._config.to_dict().items()
        }
        state = self.backbone.module.state_dict()
        tensors = {_saved(name): state[name].cpu().contiguous() for name in self.backbone.adapters}
        return {
            CONFIG: json.dumps(about | {"inference_mode": True}, indent=2, sort_keys=True).encode(),
            WEIGHTS: save(tensors, {"format": "pt"}),
        }


def _both(layer: str) -> tuple[str, str]:
    return f"{layer}.lora_A.{NAME}.weight", f"{layer}.lora_B.{NAME}.weight"


def _saved(name: str) -> str:
    """Return the name that a tensor has in peft's file, where the adapter's own is left out."""
    return SAVED_UNDER + name.removesuffix(f".{NAME}.weight") + ".weight"


def require_peft() -> None:
    """Refuse to go on where peft is not installed."""
    try:
        import peft  # noqa: F401
    except ImportError as error:
        raise UserError(
            "Adapters need peft, which is not installed.",
            "Install it with `pip install headstart[lora]`.",
        ) from error


def require_layers(backbone: Backbone, boundary: int, rank: int) -> list[str]:
    """Return the linear layers that adapters can stand beside; refuse a backbone without them.

    They are those of the stages from the boundary on to which an adapter is small: one that has as
    many numbers as its layer saves nothing. The old classifier is in no stage.
    """
    require_peft()
    owned = {name for stage in backbone.stages[boundary:] for name in stage.owns}
    found = [
        path
        for path, part in backbone.module.named_modules()
        # Of another kind of linear layer, a subclass, nobody knows what it does beside.
        if type(part) is nn.Linear
        and f"{path}.weight" in owned
        and rank * (part.in_features + part.out_features) < part.weight.numel()
    ]
    if not found:
        raise _no_layers(backbone, boundary)
    return found


def insert(backbone: Backbone, boundary: int, rank: int, state: State, seed: int) -> Adapters:
    """Put adapters into the stages from a boundary on; `state` is a batch there, to try them with.

    A layer whose weight is read past its own forward pass, as some attentions do, gets none: it
    would never be asked.
    """
    linear = require_layers(backbone, boundary, rank)
    layers = _run_through(backbone, boundary, state, linear)
    if not layers:
        raise _no_layers(backbone, boundary)
    adapters = Adapters(backbone, layers, rank, seed)
    asked = _run_through(backbone, boundary, state, [f"{each}.lora_B.{NAME}" for each in layers])
    if len(asked) < len(layers):
        adapters.remove()
        raise _no_layers(backbone, boundary)
    return adapters


def take_up(backbone: Backbone, about: Mapping[str, Any], tensors: Mapping[str, Any]) -> Adapters:
    """Put adapters that were saved into a backbone; of peft's settings only the rank is free."""
    if about["peft_type"] != "LORA" or about["r"] != about["lora_alpha"]:
        raise ValueError(f"{CONFIG} is of another kind of adapter")
    names = {_saved(each): each for layer in _layers_of(tensors) for each in _both(layer)}
    if set(names) != set(tensors):
        raise ValueError(f"{WEIGHTS} holds something else than adapters")
    parts, rank = dict(backbone.module.named_modules()), int(about["r"])
    for saved, name in names.items():
        layer, _, side = name.removesuffix(f".{NAME}.weight").rpartition(".")
        part = parts.get(layer)
        if type(part) is not nn.Linear:
            raise ValueError(f"{WEIGHTS} names {layer}, which is no linear layer here")
        wide = (rank, part.in_features) if side == "lora_A" else (part.out_features, rank)
        if tensors[saved].shape != wide:
            raise ValueError(f"{WEIGHTS} holds {saved} of another shape than {wide}")
    adapters = Adapters(backbone, _layers_of(tensors), rank)
    state = backbone.module.state_dict()
    with torch.no_grad():
        for saved, name in names.items():
            state[name].copy_(torch.from_numpy(np.ascontiguousarray(tensors[saved])))
    backbone.changed()
    return adapters


def _layers_of(saved: Iterable[str]) -> list[str]:
    end = ".lora_A.weight"
    return [
        name.removeprefix(SAVED_UNDER).removesuffix(end) for name in saved if name.endswith(end)
    ]


def straightened(before: Tensors, after: Tensors) -> Tensors:
    """Return tensors from before with each A as it is after; B was zero.

    Between these and those after lies a straight line of B·A, which there would not be if both
    factors moved at once.
    """
    return before | {name: each for name, each in after.items() if f".lora_A.{NAME}." in name}


def _run_through(
    backbone: Backbone, boundary: int, state: State, names: Iterable[str]
) -> list[str]:
    """Return those of some modules that run from a boundary to what is read at the end."""
    parts = {name: backbone.module.get_submodule(name) for name in names}
    run: set[str] = set()
    hooks = [
        part.register_forward_hook(lambda *_, name=name: run.add(name))
        for name, part in parts.items()
    ]
    try:
        with torch.no_grad():
            backbone.read(backbone(dict(state), boundary), backbone.depth)
    finally:
        for hook in hooks:
            hook.remove()
    return [name for name in parts if name in run]


def _no_layers(backbone: Backbone, boundary: int) -> UserError:
    count = backbone.depth - boundary
    top = "top stage" if count == 1 else f"top {count} stages"
    where = f" in its {top}" if boundary else ""
    return UserError(
        f"{backbone.name} has no linear layers{where} that adapters could stand beside.",
        "Use --strategy partial or full, which train the weights themselves, or a transformer as "
        "the backbone.",
    )
