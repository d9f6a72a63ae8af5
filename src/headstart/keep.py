"""How much of the old model to keep: a point on the line between before and after (WiSE-FT).

Averaging the weights before and after fine-tuning often does as well on the new task as either and
forgets less (Wortsman et al. 2022, arXiv:2109.01903). It works because the head was solved first:
both ends of the line are then good models of one task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

from headstart.schedule import chance

SHARES = (0.0, 0.25, 0.5, 0.75)
"""The shares of the old model that are tried on the validation side."""

Tensors = dict[str, torch.Tensor]


def state_of(modules: Mapping[str, nn.Module]) -> Tensors:
    """Return a copy of all tensors of some modules."""
    return {
        f"{prefix}.{name}": tensor.detach().clone()
        for prefix, module in modules.items()
        for name, tensor in module.state_dict().items()
    }


def blend(modules: Mapping[str, nn.Module], before: Tensors, after: Tensors, share: float) -> None:
    """Set the modules to `share` parts of before and the rest of after; counters are not mixed."""
    with torch.no_grad():
        for prefix, module in modules.items():
            for name, tensor in module.state_dict().items():
                old, new = before[f"{prefix}.{name}"], after[f"{prefix}.{name}"]
                if share == 1:
                    tensor.copy_(old)
                elif share == 0 or not tensor.is_floating_point() or torch.equal(old, new):
                    tensor.copy_(new)
                else:
                    tensor.copy_(torch.lerp(new, old, share))


def choose_share(
    modules: Mapping[str, nn.Module],
    before: Tensors,
    predict: Callable[[], np.ndarray],
    score: Callable[[np.ndarray], float],
    asked: float | None,
    samples: int,
) -> tuple[float, np.ndarray]:
    """Leave the modules at the asked share, or at one that validates better than keeping none.

    `predict` gives validation logits of the present state, `score` their headline; `samples` is of
    how many samples they are, as rows of one hang together. Returns the share and its logits. The
    gain has to be more than chance: of fifty examples the best of four shares is mostly luck. Of
    shares that do the same, the one that keeps more is left.
    """
    after = state_of(modules)
    if all(torch.equal(before[name], tensor) for name, tensor in after.items()):
        return 0.0, predict()  # nothing was trained, so there is nothing to keep
    if asked is not None:
        blend(modules, before, after, asked)
        return asked, predict()
    found: dict[float, np.ndarray] = {}
    for share in SHARES:
        blend(modules, before, after, share)
        found[share] = predict()
    scores = {share: score(logits) for share, logits in found.items()}
    best = max(reversed(SHARES), key=lambda share: scores[share])
    if scores[best] - scores[0.0] <= chance(scores[best], samples):
        best = 0.0
    blend(modules, before, after, best)
    return best, found[best]
