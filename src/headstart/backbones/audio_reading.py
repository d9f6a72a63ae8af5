"""How the states of a sound are read as vectors: over the time in which something is heard.

A state stands as [batch, time, ...]. Its `mask` tells time from padding, and `heard`, where a net
takes nothing but whole windows, tells time with sound from the silence that fills the window. What
is not heard has no part in any reading.
"""

from __future__ import annotations

import torch

from headstart.backbones.base import State

BANDS = 4
"""A map is also read in this many bands of pitch, lowest first."""


def read_sound(state: State) -> dict[str, torch.Tensor]:
    """Read a sequence [B, T, C] or map [B, T, C, F] by its mean and deviation over time.

    A map's pitches are averaged for these; "bands" keeps them apart, roughly.
    """
    x, heard = state["x"], state.get("heard", state["mask"])
    if x.dim() == 3:
        return _moments(x, heard)
    parts = [part.mean(-1) for part in x.tensor_split(min(BANDS, x.shape[-1]), -1)]
    bands = torch.cat([_mean(part, heard) for part in parts], 1)
    return {**_moments(x.mean(-1), heard), "bands": bands}


def read_blocks(state: State) -> dict[str, torch.Tensor]:
    """Read samples in blocks by how loud they are, on average and in how far that varies."""
    x = state["x"].float()
    loud = x.square().mean(-1, keepdim=True).sqrt()
    return {name: each.to(state["x"].dtype) for name, each in _moments(loud, state["mask"]).items()}


def _mean(x: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
    weight = heard.unsqueeze(-1).float()
    return ((x.float() * weight).sum(1) / weight.sum(1).clamp_min(1.0)).to(x.dtype)


def _moments(x: torch.Tensor, heard: torch.Tensor) -> dict[str, torch.Tensor]:
    mean = _mean(x.float(), heard)
    spread = _mean((x.float() - mean[:, None]).square(), heard)
    return {"mean": mean.to(x.dtype), "std": (spread + 1e-6).sqrt().to(x.dtype)}
