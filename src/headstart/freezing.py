"""Freezing: no gradient, and eval mode, and checked. A frozen stage stays frozen in fact.

`requires_grad=False` alone is not enough: a BatchNorm layer in train mode moves its running
statistics without any gradient, and dropout below the boundary would make activations random.
So `freeze` sets all three and `seal` hashes the frozen tensors, buffers included, so that a
trainer can show afterwards that nothing moved. Where a backbone has adapters, only they move, and
all the rest is frozen whatever stage it is in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import torch
from torch import nn

from headstart.backbones.base import Backbone
from headstart.errors import Failure


def _stage_of(backbone: Backbone) -> dict[str, int]:
    return {name: at for at, stage in enumerate(backbone.stages) for name in stage.owns}


def moving(backbone: Backbone, boundary: int) -> frozenset[str]:
    """Name all tensors that training the stages from `boundary` on may change.

    Those of no stage (the old classifier's) are never trained.
    """
    opened = frozenset(name for stage in backbone.stages[boundary:] for name in stage.owns)
    return opened & backbone.adapters if backbone.adapters else opened


def freeze(backbone: Backbone, boundary: int) -> list[tuple[str, nn.Parameter]]:
    """Freeze the stages before `boundary`, open the rest; return what is trainable, by name."""
    owner, free = _stage_of(backbone), moving(backbone, boundary)
    module = backbone.module
    trainable = []
    for name, parameter in module.named_parameters():
        opened = name in free
        parameter.requires_grad_(opened)
        if opened:
            trainable.append((name, parameter))
    module.eval()
    for path, part in module.named_modules():
        prefix = f"{path}." if path else ""
        stages = {at for name, at in owner.items() if name.startswith(prefix)}
        if not stages:  # dropout and the like own nothing: they belong where their parent does
            parent = path
            while parent and not stages:
                parent = parent.rpartition(".")[0]
                start = f"{parent}." if parent else ""
                stages = {at for name, at in owner.items() if name.startswith(start)}
        # A part that spans the boundary is left in eval mode; its children are set on their own.
        part.training = bool(stages) and min(stages) >= boundary
        if backbone.adapters and any(True for _ in part.buffers(recurse=False)):
            part.training = False  # running statistics move without a gradient
    return trainable


def seal(backbone: Backbone, boundary: int) -> str:
    """Return a hash of every tensor, buffers included, of the stages before `boundary`."""
    return _hash(backbone, {name for stage in backbone.stages[:boundary] for name in stage.owns})


def seal_frozen(backbone: Backbone, boundary: int) -> str:
    """Return a hash of every tensor of a stage that training from `boundary` on must not change."""
    owned = {name for stage in backbone.stages for name in stage.owns}
    return _hash(backbone, owned - moving(backbone, boundary))


def _hash(backbone: Backbone, names: Collection[str]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(backbone.module.state_dict().items()):
        if name in names:
            digest.update(name.encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy())
    return digest.hexdigest()


def verify(backbone: Backbone, boundary: int, sealed: str) -> None:
    """Fail if anything frozen has changed since `seal_frozen`."""
    if seal_frozen(backbone, boundary) != sealed:
        raise Failure(
            f"A frozen stage of {backbone.name} changed during training.",
            "This is a bug in how the backbone splits into stages; please report it.",
        )
