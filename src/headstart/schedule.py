"""When things happen in a phase: the rate at every step, which epochs are looked at and kept."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart import defaults
from headstart.schema import Phase


def rehearsed(phases: Sequence[Phase], samples: int) -> bool:
    """Tell whether phases are gone through twice: to choose, then with everything.

    From fresh weights there is nothing to choose: no old weights to keep, and as many steps as
    the schedule has.
    """
    moving = [phase for phase in phases if phase.objective == "train"]
    return defaults.few(samples) and any(not phase.fresh for phase in moving)


def held_back(phases: Sequence[Phase], samples: int) -> float:
    """Return the share of the examples by which is chosen how phases go on; 0: nothing is."""
    trained = any(phase.objective == "train" for phase in phases)
    if not trained or (defaults.few(samples) and not rehearsed(phases, samples)):
        return 0.0
    return defaults.validation_share(samples)


def rate_share(step: int, steps: int, warmup: float) -> float:
    """Return the share of the peak rate: a linear rise, then half a cosine down to zero."""
    rising = max(1, int(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))


def watched(epoch: int, planned: int) -> bool:
    """Tell whether an epoch is looked at: 1, 2, 3, 4, 6, 8, 12, 16 … and the last."""
    halved = epoch
    while halved > 4 and halved % 2 == 0:
        halved //= 2
    return halved <= 4 or epoch == planned


def chance(score: float, count: int) -> float:
    """Return by how much a score between 0 and 1 on so many examples may differ by chance alone.

    That is twice the standard error of a share; two right and two wrong are added, because few
    that are all right do not show that all would be.
    """
    count = max(1, count)
    share = (min(1.0, max(0.0, score)) * count + 2) / (count + 4)
    return 2 * math.sqrt(share * (1 - share) / count)
