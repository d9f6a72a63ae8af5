"""How timm's families fall into stages: one short describer each, and one for all the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import nn

from headstart.backbones.base import State, read_map, read_tokens
from headstart.backbones.outline import (
    Forward,
    Outline,
    Step,
    chain,
    chained,
    map_reader,
    named_tensors,
    on_x,
    sole_stage,
    token_reader,
)

# timm's modules are reached by attribute names that torch's type stubs cannot know.
Net = Any


def classifier_parts(module: nn.Module) -> tuple[str, ...]:
    """Return the dotted names of the classifier that the checkpoint came with."""
    net: Net = module
    given = net.get_classifier() if hasattr(net, "get_classifier") else ()
    heads = given if isinstance(given, (tuple, list)) else (given,)
    chosen = {id(head) for head in heads if isinstance(head, nn.Module)}
    return tuple(name for name, part in module.named_modules() if id(part) in chosen and name)


def pre_logits(module: nn.Module) -> Forward:
    """Return timm's own way from the last state to what its classifier sees."""
    net: Net = module
    return lambda x: cast(torch.Tensor, net.forward_head(x, pre_logits=True))


def _pools_plainly(net: Net, neck: Sequence[str], plain: Sequence[str] = ("avg",)) -> bool:
    """Tell whether `forward_head` is nothing more than a mean (or the class token)."""
    head = getattr(net, "global_pool", None) or getattr(net.head, "global_pool", None)
    kind = head if isinstance(head, str) else getattr(head, "pool_type", None)
    old = classifier_parts(net)
    learned = [
        name
        for name, _ in named_tensors(net)
        if name.startswith(tuple(f"{part}." for part in neck)) and not name.startswith(old or "\0")
    ]
    return kind in plain and not learned


def _maps(
    net: Net,
    family: str,
    steps: Sequence[Step],
    neck: Sequence[str],
    *,
    channels_last: bool = False,
) -> Outline:
    last = steps[-1]
    closed = (*steps[:-1], Step(last.name, last.run, (*last.parts, *neck)))
    pooled = None if _pools_plainly(net, neck) else pre_logits(net)
    read = map_reader(len(closed), pooled, channels_last=channels_last)
    return Outline(family, closed, read, classifier_parts(net))


def resnet(net: Net) -> Outline:
    """Describe ResNet and its kin: stem and four layers."""
    steps = [chained(net, "stem", "conv1", "bn1", "act1", "maxpool")]
    steps += [chained(net, name, name) for name in ("layer1", "layer2", "layer3", "layer4")]
    return _maps(net, "ResNet", steps, ("global_pool",))


def vgg(net: Net) -> Outline:
    """Describe VGG: five blocks of convolutions, each but the first beginning with the pooling."""
    ends = [*net.feature_ends[:-2], net.feature_ends[-1]]  # the last pooling ends the last block
    steps, begin = [], 0
    for number, end in enumerate(ends, start=1):
        names = [f"features.{at}" for at in range(begin, end + 1)]
        steps.append(chained(net, f"block{number}", *names))
        begin = end + 1
    return _maps(net, "VGG", steps, ("pre_logits", "head"))


def efficientnet(net: Net) -> Outline:
    """Describe EfficientNet and MobileNetV2: stem, block groups, and the wide 1x1 layer."""
    steps = [chained(net, "stem", "conv_stem", "bn1")]
    steps += [chained(net, f"blocks{at}", f"blocks.{at}") for at in range(len(net.blocks))]
    steps.append(chained(net, "head", "conv_head", "bn2"))
    return _maps(net, "EfficientNet", steps, ("global_pool",))


def mobilenet(net: Net) -> Outline:
    """Describe MobileNetV3 and V4, whose wide layer comes after pooling (the reading "pooled")."""
    steps = [chained(net, "stem", "conv_stem", "bn1")]
    steps += [chained(net, f"blocks{at}", f"blocks.{at}") for at in range(len(net.blocks))]
    return _maps(net, "MobileNet", steps, ("global_pool", "conv_head", "norm_head", "act2"))


def convnext(net: Net) -> Outline:
    """Describe ConvNeXt (V1 and V2): stem and four stages."""
    last = len(net.stages) - 1
    steps = [chained(net, "stem", "stem")]
    steps += [chained(net, f"stage{at + 1}", f"stages.{at}") for at in range(last)]
    steps.append(chained(net, f"stage{last + 1}", f"stages.{last}", "norm_pre"))
    return _maps(net, "ConvNeXt", steps, ("head",))


def swin(net: Net) -> Outline:
    """Describe Swin (V1 and V2): patches and the layers; its maps have their channels last."""
    last = len(net.layers) - 1
    steps = [chained(net, "patches", "patch_embed")]
    steps += [chained(net, f"layer{at + 1}", f"layers.{at}") for at in range(last)]
    steps.append(chained(net, f"layer{last + 1}", f"layers.{last}", "norm"))
    return _maps(net, "Swin", steps, ("head",), channels_last=True)


def regnet(net: Net) -> Outline:
    """Describe RegNet: stem and four stages."""
    steps = [chained(net, name, name) for name in ("stem", "s1", "s2", "s3")]
    steps.append(chained(net, "s4", "s4", "final_conv"))
    return _maps(net, "RegNet", steps, ("head",))


def _tokens(net: Net, family: str, steps: Sequence[Step]) -> Outline:
    last = steps[-1]
    neck = ("norm", "attn_pool", "fc_norm", "head_drop")
    closed = (*steps[:-1], Step(last.name, last.run, (*last.parts, *neck)))
    whole = bool(net.num_prefix_tokens) and bool(getattr(net, "pool_include_prefix", False))
    plain = _pools_plainly(net, ("attn_pool", "fc_norm"), ("token", "avg")) and not whole
    distilled = hasattr(net, "dist_token")  # reads the mean of two tokens
    pooled = None if plain and not distilled else pre_logits(net)
    read = token_reader(len(closed), int(net.num_prefix_tokens), pooled)
    return Outline(family, closed, read, classifier_parts(net))


STEM_PARTS = (
    "patch_embed",
    "cls_token",
    "dist_token",
    "reg_token",
    "pos_embed",
    "pos_drop",
    "patch_drop",
    "norm_pre",
    "rope",
)


def vit(net: Net) -> Outline:
    """Describe ViT, DeiT and DINOv2: the embedding, then a stage a block."""

    def embed(x: torch.Tensor) -> torch.Tensor:
        x = net._pos_embed(net.patch_embed(x))
        return cast(torch.Tensor, net.norm_pre(net.patch_drop(x)))

    last = len(net.blocks) - 1
    steps = [Step("embed", on_x(embed), STEM_PARTS)]
    steps += [chained(net, f"block{at + 1}", f"blocks.{at}") for at in range(last)]
    steps.append(chained(net, f"block{last + 1}", f"blocks.{last}", "norm"))
    return _tokens(net, "ViT", steps)


def eva(net: Net) -> Outline:
    """Describe EVA, EVA-02, the Perception Encoder and DINOv3.

    Their rotary table depends on the picture's size alone, so each block makes it anew rather than
    have the state carry what is the same for every sample.
    """

    def embed(x: torch.Tensor) -> torch.Tensor:
        tokens, _ = net._pos_embed(net.patch_embed(x))
        return cast(torch.Tensor, net.norm_pre(tokens))

    def rotary(at: int, tokens: torch.Tensor) -> torch.Tensor | None:
        if net.rope is None:
            return None
        patches = tokens.shape[1] - net.num_prefix_tokens
        side = math.isqrt(patches)
        square = side * side == patches
        fixed = not net.dynamic_img_size and hasattr(net.rope, "feat_shape")
        grid = (side, side) if square else net.patch_embed.grid_size
        table = net.rope.get_embed(**({} if fixed else {"shape": grid}))
        return cast(torch.Tensor, table[at] if getattr(net, "rope_mixed", False) else table)

    def block(at: int) -> Forward:
        def forward(x: torch.Tensor) -> torch.Tensor:
            x = net.blocks[at](x, rope=rotary(at, x))
            return chain(net, "norm")(x) if at == len(net.blocks) - 1 else x

        return forward

    steps = [Step("embed", on_x(embed), STEM_PARTS)]
    for at in range(len(net.blocks)):
        steps.append(Step(f"block{at + 1}", on_x(block(at)), (f"blocks.{at}",)))
    return _tokens(net, "EVA", steps)


FAMILIES: dict[str, Callable[[Net], Outline]] = {
    "timm.models.resnet.ResNet": resnet,
    "timm.models.vgg.VGG": vgg,
    "timm.models.efficientnet.EfficientNet": efficientnet,
    "timm.models.mobilenetv3.MobileNetV3": mobilenet,
    "timm.models.convnext.ConvNeXt": convnext,
    "timm.models.swin_transformer.SwinTransformer": swin,
    "timm.models.swin_transformer_v2.SwinTransformerV2": swin,
    "timm.models.regnet.RegNet": regnet,
    "timm.models.vision_transformer.VisionTransformer": vit,
    "timm.models.deit.VisionTransformerDistilled": vit,
    "timm.models.eva.Eva": eva,
}
"""Describers by the exact class: a subclass may run its parts in another order."""


def whole(net: Net) -> Outline:
    """Describe a module of no known family as one stage: timm's features, read generically."""
    pooled = pre_logits(net)
    prefix = int(getattr(net, "num_prefix_tokens", 0) or 0)
    width = int(getattr(net, "num_features", 0) or 0)

    def forward(x: torch.Tensor) -> torch.Tensor:
        features = net.forward_features(x)
        # A few nets give several tensors; what their classifier sees is then the one to keep.
        return features if isinstance(features, torch.Tensor) else pooled(features)

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        x = state["x"]
        if boundary == 0:
            return read_map(x)
        if x.dim() == 2:
            return {"pooled": x}
        if x.dim() == 3:
            vectors = read_tokens(x, prefix)
        else:
            last = x.shape[-1] == width and x.shape[1] != width
            vectors = read_map(x.permute(0, 3, 1, 2) if last else x)
        vectors["pooled"] = pooled(x).flatten(1)
        return vectors

    return sole_stage(type(net).__name__, forward, read, classifier_parts(net))


def describe(net: nn.Module) -> Outline:
    """Return a timm module's outline: its family's, or the whole as one stage."""
    kind = f"{type(net).__module__}.{type(net).__qualname__}"
    outline = FAMILIES.get(kind, whole)(net)
    learnt = any(True for part in outline.classifier for _ in net.get_submodule(part).parameters())
    return replace(outline, classify=_classify(net)) if learnt else outline


def _classify(net: Net) -> Callable[[State], torch.Tensor]:
    """Return timm's own way from the last state to scores; a state may be pooled already."""

    def classify(state: State) -> torch.Tensor:
        x = state["x"]
        head = net.get_classifier() if x.dim() == 2 else net.forward_head
        return cast(torch.Tensor, head(x))

    return classify
