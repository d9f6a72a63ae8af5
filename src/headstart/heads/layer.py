"""A head as a layer that an optimiser can train, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from headstart.heads.head import Head, Reading


class HeadLayer(nn.Module):
    """A linear classifier on standardised readings. Only weight and bias are trained.

    The standardisation stays as the head was solved with: it is what makes one rate fit all of the
    readings, wherever in the backbone they come from.
    """

    center: torch.Tensor
    scale: torch.Tensor

    def __init__(self, readings: Sequence[Reading], width: int, labels: int) -> None:
        super().__init__()
        self.readings = tuple(readings)
        self.weight = nn.Parameter(torch.empty(labels, width))
        self.bias = nn.Parameter(torch.empty(labels))
        self.register_buffer("center", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        bound = width**-0.5
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    @classmethod
    def of(cls, head: Head) -> HeadLayer:
        """Return a layer that gives exactly a solved head's logits."""
        layer = cls(head.readings, *head.weight.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(head.weight.T)))
            layer.bias.copy_(torch.from_numpy(head.bias))
            layer.center.copy_(torch.from_numpy(head.center))
            layer.scale.copy_(torch.from_numpy(head.scale))
        return layer

    def forward(self, found: Mapping[Reading, torch.Tensor]) -> torch.Tensor:
        """Return logits from the readings by name."""
        vectors = torch.cat([found[reading].float() for reading in self.readings], 1)
        return nn.functional.linear((vectors - self.center) / self.scale, self.weight, self.bias)

    def head(self, temperature: float) -> Head:
        """Return what was trained as a plain head."""
        return Head(
            readings=self.readings,
            center=self.center.numpy().copy(),
            scale=self.scale.numpy().copy(),
            weight=self.weight.detach().numpy().T.copy(),
            bias=self.bias.detach().numpy().copy(),
            temperature=temperature,
        )
