"""How the states of a text's tokens are read as vectors: over the tokens that are there.

Padding has no part in any of them, so a reading does not depend on who else is in the batch.
"""

from __future__ import annotations

import torch


def mean_of(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean over a text's own tokens, summed in float32 whatever the states are in."""
    weight = mask.unsqueeze(-1).float()
    return ((x.float() * weight).sum(1) / weight.sum(1).clamp_min(1.0)).to(x.dtype)


def max_of(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the largest value of each feature over a text's own tokens."""
    return x.masked_fill(~mask.unsqueeze(-1), float("-inf")).amax(1)


def first_of(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the state of the first token."""
    return x[:, 0]


def last_of(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the state of a text's last token: the only one that has seen all, looking back."""
    return x[torch.arange(len(x), device=x.device), mask.sum(1) - 1]


def read_ids(x: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """Read what enters the first stage: numbers of tokens, which say no more than their mean."""
    return {"mean": mean_of(x.float().unsqueeze(-1), mask)}


def read_rows(x: torch.Tensor, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Read the positions that are asked about: a vector each, example by example."""
    asked = x[rows]
    return {"row": asked if asked.dim() == 2 else asked.float().unsqueeze(-1)}
