"""How the families of transformers fall into stages: one describer each, found by model type.

A family of another modality joins by an entry in `FAMILIES` whose describer reads its own state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from headstart.backbones.base import State, read_map, read_tokens
from headstart.backbones.outline import (
    Forward,
    Outline,
    Read,
    Step,
    chain,
    chained,
    map_reader,
    on_x,
    token_reader,
)

# transformers' modules are reached by attribute names that torch's type stubs cannot know.
Net = Any


@dataclass(frozen=True)
class Family:
    """A described family: how it falls into stages, and by which class its weights are loaded.

    `towers` marks checkpoints of several networks (a picture's and a text's) of which the named
    class loads one. `drops` are parts of the module that are left away (a decoder), and `idle` are
    parameters that only pretraining used: a checkpoint may come without them. `classified` names
    the readings of the last state that an image classifier of the family stands on.
    """

    describe: Callable[[Net], Outline]
    loader: str = "AutoModel"
    towers: bool = False
    modality: str = "image"
    drops: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    classified: tuple[str, ...] = ()


def _first(output: Any) -> torch.Tensor:
    """Return a layer's hidden states; some give them alone, some first among others."""
    return cast(torch.Tensor, output[0] if isinstance(output, tuple) else output)


def _pooled(net: Net) -> Forward | None:
    pooler = getattr(net, "pooler", None)
    if pooler is None:
        return None
    return lambda x: cast(torch.Tensor, net.pooler(x))


def _blocks(
    family: str,
    embed: Forward,
    embed_parts: Sequence[str],
    layers: nn.ModuleList,
    path: str,
    run: Callable[[int, torch.Tensor], torch.Tensor],
    finish: Forward,
    neck: Sequence[str],
    read: Read,
) -> Outline:
    """Describe an embedding followed by layers, the last of which owns what comes after it."""
    steps = [Step("embed", on_x(embed), tuple(embed_parts))]
    last = len(layers) - 1

    def layer(at: int) -> Forward:
        return lambda x: finish(run(at, x)) if at == last else run(at, x)

    for at in range(len(layers)):
        parts = (f"{path}.{at}", *(neck if at == last else ()))
        steps.append(Step(f"block{at + 1}", on_x(layer(at)), parts))
    return Outline(family, tuple(steps), read)


def vit(net: Net) -> Outline:
    """Describe ViT and DeiT: embedding, layers, and the norm after the last."""
    prefix = 2 if hasattr(net.embeddings, "distillation_token") else 1
    return _blocks(
        "ViT",
        lambda x: cast(torch.Tensor, net.embeddings(x)),
        ("embeddings",),
        net.layers,
        "layers",
        lambda at, x: _first(net.layers[at](x, None)),
        chain(net, "layernorm"),
        ("layernorm", "pooler"),
        token_reader(len(net.layers) + 1, prefix, _pooled(net)),
    )


def dinov2(net: Net) -> Outline:
    """Describe DINOv2, with and without registers."""
    prefix = 1 + int(getattr(net.config, "num_register_tokens", 0) or 0)
    layers = net.encoder.layer
    return _blocks(
        "DINOv2",
        lambda x: cast(torch.Tensor, net.embeddings(x)),
        ("embeddings",),
        layers,
        "encoder.layer",
        lambda at, x: _first(layers[at](x, None)),
        chain(net, "layernorm"),
        ("layernorm",),
        token_reader(len(layers) + 1, prefix),
    )


def beit(net: Net) -> Outline:
    """Describe BEiT; its position bias depends on the picture's size, not on the picture."""
    patch = int(net.config.patch_size)

    def run(at: int, x: torch.Tensor) -> torch.Tensor:
        side = math.isqrt(x.shape[1] - 1)
        bias = None
        if net.shared_position_bias is not None:
            bias = net.shared_position_bias(
                (side, side), interpolate_pos_encoding=False, dim_size=x.shape[1]
            )
        resolution = (side * patch, side * patch)
        return _first(net.layers[at](x, attention_mask=bias, resolution=resolution))

    outline = _blocks(
        "BEiT",
        lambda x: cast(torch.Tensor, net.embeddings(x)),
        ("embeddings",),
        net.layers,
        "layers",
        run,
        chain(net, "layernorm"),
        ("layernorm", "pooler"),
        token_reader(len(net.layers) + 1, 1, _pooled(net)),
    )
    first = outline.steps[1]
    shared = Step(first.name, first.run, (*first.parts, "shared_position_bias"))
    return Outline(outline.family, (outline.steps[0], shared, *outline.steps[2:]), outline.read)


def clip(net: Net) -> Outline:
    """Describe CLIP's picture tower; "pooled" is its normalised class token."""
    layers = net.encoder.layers
    return _blocks(
        "CLIP",
        lambda x: cast(torch.Tensor, net.pre_layrnorm(net.embeddings(x))),
        ("embeddings", "pre_layrnorm"),
        layers,
        "encoder.layers",
        lambda at, x: _first(layers[at](x, None)),
        lambda x: x,
        ("post_layernorm",),
        token_reader(len(layers) + 1, 1, lambda x: cast(torch.Tensor, net.post_layernorm(x[:, 0]))),
    )


def siglip(net: Net) -> Outline:
    """Describe SigLIP's picture tower; "pooled" is its attention pooling."""
    layers = net.encoder.layers
    pooled: Forward | None = None
    if net.use_head:

        def pooled(x: torch.Tensor) -> torch.Tensor:
            return cast(torch.Tensor, net.head(x))

    return _blocks(
        "SigLIP",
        lambda x: cast(torch.Tensor, net.embeddings(x)),
        ("embeddings",),
        layers,
        "encoder.layers",
        lambda at, x: _first(layers[at](x, None)),
        chain(net, "post_layernorm"),
        ("post_layernorm", "head"),
        token_reader(len(layers) + 1, 0, pooled),
    )


def _unflatten(tokens: torch.Tensor) -> torch.Tensor:
    batch, count, width = tokens.shape
    side = math.isqrt(count)
    return tokens.transpose(1, 2).reshape(batch, width, side, count // side)


def swin(net: Net) -> Outline:
    """Describe Swin (V1 and V2); its state is the flattened map."""
    layers = net.encoder.layers

    def run(at: int, x: torch.Tensor) -> torch.Tensor:
        side = math.isqrt(x.shape[1])
        return _first(layers[at](x, (side, x.shape[1] // side)))

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        return read_map(state["x"] if boundary == 0 else _unflatten(state["x"]))

    outline = _blocks(
        "Swin",
        lambda x: _first(net.embeddings(x)),
        ("embeddings",),
        layers,
        "encoder.layers",
        run,
        chain(net, "layernorm"),
        ("layernorm", "pooler"),
        read,
    )
    names = ("patches", *(f"layer{at}" for at in range(1, len(outline.steps))))
    steps = (
        Step(name, step.run, step.parts) for name, step in zip(names, outline.steps, strict=True)
    )
    return Outline(outline.family, tuple(steps), outline.read)


def _stages(
    net: Net, family: str, stem: str, pooled: Forward | None, neck: Sequence[str]
) -> Outline:
    last = len(net.encoder.stages) - 1
    steps = [chained(net, "stem", stem)]
    for at in range(last + 1):
        also = neck if at == last else ()
        steps.append(chained(net, f"stage{at + 1}", f"encoder.stages.{at}", also=also))
    return Outline(family, tuple(steps), map_reader(len(steps), pooled))


def resnet(net: Net) -> Outline:
    """Describe ResNet and RegNet."""
    family = "RegNet" if net.config.model_type == "regnet" else "ResNet"
    return _stages(net, family, "embedder", None, ("pooler",))


def convnext(net: Net) -> Outline:
    """Describe ConvNeXt (V1 and V2), whose norm comes after pooling (the reading "pooled")."""

    def pooled(maps: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, net.layernorm(maps.mean([-2, -1])))

    return _stages(net, "ConvNeXt", "embeddings", pooled, ("layernorm",))


def mobilenet(net: Net) -> Outline:
    """Describe MobileNet V1 and V2: stem, the blocks, and (V2) the wide 1x1 layer."""
    steps = [chained(net, "stem", "conv_stem")]
    steps += [chained(net, f"block{at + 1}", f"layer.{at}") for at in range(len(net.layer))]
    if hasattr(net, "conv_1x1"):
        steps.append(chained(net, "head", "conv_1x1"))
    last = steps[-1]
    steps[-1] = Step(last.name, last.run, (*last.parts, "pooler"))
    return Outline("MobileNet", tuple(steps), map_reader(len(steps)))


FAMILIES: dict[str, Family] = {
    "vit": Family(vit, classified=("token",)),
    "deit": Family(vit, classified=("token",)),
    "dinov2": Family(dinov2, classified=("token", "mean")),
    "dinov2_with_registers": Family(dinov2, classified=("token", "mean")),
    "beit": Family(beit, classified=("pooled",)),
    "clip": Family(clip, "CLIPVisionModel", towers=True, classified=("mean",)),
    "clip_vision_model": Family(clip, "CLIPVisionModel"),
    "siglip": Family(siglip, "SiglipVisionModel", towers=True, classified=("mean",)),
    "siglip_vision_model": Family(siglip, "SiglipVisionModel"),
    "swin": Family(swin, classified=("mean",)),
    "swinv2": Family(swin, classified=("mean",)),
    "resnet": Family(resnet, classified=("mean",)),
    "regnet": Family(resnet, classified=("mean",)),
    "convnext": Family(convnext, classified=("pooled",)),
    "convnextv2": Family(convnext, classified=("pooled",)),
    "mobilenet_v1": Family(mobilenet, classified=("mean",)),
    "mobilenet_v2": Family(mobilenet, classified=("mean",)),
}
"""Described families by the `model_type` of their configuration."""


def whole(net: Net) -> Outline:
    """Describe a vision model of no known family as one stage: its last hidden state."""

    def run(state: State) -> State:
        output = net(state["x"])
        last, pooler = output.last_hidden_state, getattr(output, "pooler_output", None)
        kept = {} if pooler is None else {"pooled": pooler.flatten(1)}
        return {"x": last, **kept}

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        x = state["x"]
        if x.dim() == 4:
            vectors = read_map(x)
        else:
            # With one class token the rest is a square; with none the whole is.
            prefix = int(math.isqrt(x.shape[1]) ** 2 != x.shape[1])
            vectors = read_tokens(x, prefix)
        if boundary and "pooled" in state:
            vectors["pooled"] = state["pooled"]
        return vectors

    step = Step("whole", run, ("",))
    return Outline(str(net.config.model_type), (step,), read, opaque=True)
