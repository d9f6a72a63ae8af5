"""What was read on the way to a boundary travels beside the state at it.

A head may stand on early stages too. Where those are frozen and only what lies above a boundary is
run again, their readings cannot be made from the state there, so they are kept with it. In a batch
they have the shape [batch, 1, width], as all has that an example has one of.

Where positions are asked about, a reading is of many rows, and nothing travels.
"""

from __future__ import annotations

import torch

from headstart.backbones.base import ROWS, Backbone
from headstart.features import boundaries_read, reading_name
from headstart.heads import Reading
from headstart.modalities.base import State

MARK = "read:"
ROW = "row"
"""What readings of rows are called."""


def travels(reading: Reading, boundary: int) -> bool:
    """Tell whether a reading can be had where stages are run from a boundary on."""
    return reading[0] >= boundary or reading[1] != ROW


def carry(backbone: Backbone, state: State, start: int, stop: int) -> State:
    """Run stages on a batch and return the state at `stop`, with what was read below it."""
    state, found = part(state)
    names = {f"{MARK}{reading_name(reading)}": each for reading, each in found.items()}
    wanted = set() if ROWS in state else set(boundaries_read(backbone.depth))
    for at in range(start, stop):
        if at in wanted and at > 0:
            for name, vectors in backbone.read(state, at).items():
                names[f"{MARK}{reading_name((at, name))}"] = vectors
        state = backbone(state, at, at + 1)
    return state | {name: vectors[:, None] for name, vectors in names.items()}


def part(state: State) -> tuple[State, dict[Reading, torch.Tensor]]:
    """Return a state without what travels beside it, and that as readings."""
    plain, found = {}, {}
    for name, tensor in state.items():
        if not name.startswith(MARK):
            plain[name] = tensor
            continue
        boundary, _, reading = name.removeprefix(MARK).partition(".")
        found[int(boundary), reading] = tensor[:, 0]
    return plain, found
