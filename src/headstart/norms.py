"""BatchNorm layers: what their inputs are like on other data, and statistics estimated anew.

A BatchNorm layer keeps the mean and variance that each channel of its input had in pretraining.
They say what the net has seen, and they are what a shift of the data spoils first: estimated again
on the new inputs, without a label or a gradient, they undo much of it (Li et al. 2016,
arXiv:1603.04779).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from headstart.backbones.base import Backbone
from headstart.errors import UserError
from headstart.modalities.base import State

CAUTIOUS = 1024
"""The width that a net is taken for which shows none."""


def norm_layers(backbone: Backbone, boundary: int = 0) -> dict[str, tuple[int, _BatchNorm]]:
    """Return the layers with running statistics from a boundary on, by name, with their stage."""
    owner = {name: at for at, stage in enumerate(backbone.stages) for name in stage.owns}
    return {
        path: (owner[f"{path}.running_mean"], layer)
        for path, layer in backbone.module.named_modules()
        if isinstance(layer, _BatchNorm) and owner.get(f"{path}.running_mean", -1) >= boundary
    }


def last_norm(backbone: Backbone) -> tuple[int, bool]:
    """Return how wide the topmost norm is and whether it is a BatchNorm.

    It says how large steps a net stands. One without any norm is taken for a wide transformer,
    which stands little.
    """
    owner = {name: at for at, stage in enumerate(backbone.stages) for name in stage.owns}
    found, highest = (CAUTIOUS, False), -1
    for path, layer in backbone.module.named_modules():
        weight, at = getattr(layer, "weight", None), owner.get(f"{path}.weight", -1)
        if "Norm" in type(layer).__name__ and weight is not None and at >= highest:
            found, highest = (len(weight), isinstance(layer, _BatchNorm)), at
    return found


def require_norms(backbone: Backbone, boundary: int) -> None:
    """Refuse to estimate statistics where none are kept."""
    if not norm_layers(backbone, boundary):
        raise UserError(
            f"{backbone.name} has no BatchNorm layers there, so nothing can be estimated anew.",
            "Use --strategy partial or full, which move its weights, or probe, which moves none.",
        )


def estimate(backbone: Backbone, boundary: int, states: Iterable[State]) -> None:
    """Estimate running statistics anew from the states at a boundary; nothing else moves.

    They become the plain average over batches, which should be of one size and mixed: each layer
    sees what the layers below it give with the batch's own statistics.
    """
    require_norms(backbone, boundary)
    layers = [layer for _, layer in norm_layers(backbone, boundary).values()]
    paces = [layer.momentum for layer in layers]
    backbone.module.eval()
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # torch's word for the cumulative average
            layer.training = True
        with torch.no_grad():
            for state in states:
                backbone(dict(state), boundary)
    finally:
        for layer, pace in zip(layers, paces, strict=True):
            layer.momentum = pace
        backbone.module.eval()
        backbone.changed()


@dataclass
class Moments:
    """Mean and variance of each channel, gathered batch by batch."""

    count: int = 0
    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.float64))
    squares: torch.Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.float64))

    def add(self, x: torch.Tensor) -> None:
        """Take in a batch whose second dimension are the channels."""
        x = x.detach().cpu().double().transpose(0, 1).flatten(1)
        self.count += x.shape[1]
        self.sums = self.sums + x.sum(1)
        self.squares = self.squares + x.square().sum(1)

    @property
    def mean(self) -> torch.Tensor:
        """Return the mean of each channel."""
        return self.sums / self.count

    @property
    def variance(self) -> torch.Tensor:
        """Return the variance of each channel."""
        return (self.squares / self.count - self.mean.square()).clamp_min(0)


@contextmanager
def watching(backbone: Backbone) -> Iterator[dict[str, Moments]]:
    """Gather what enters every BatchNorm layer while the backbone runs inside the block."""
    layers = norm_layers(backbone)
    found = {path: Moments() for path in layers}

    def hook(moments: Moments) -> Any:
        return lambda layer, given: moments.add(given[0])

    hooks = [
        layer.register_forward_pre_hook(hook(found[path])) for path, (_, layer) in layers.items()
    ]
    try:
        yield found
    finally:
        for each in hooks:
            each.remove()
