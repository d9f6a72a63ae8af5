"""Examples of different lengths: how padding comes and goes, and who shares a batch with whom.

An example whose length varies (a text, a sound) has its length as the first dimension of each of
its arrays, [length, ...], and a `mask` [length], all True. In a batch, [batch, length, ...],
padding stands at the end and the mask tells it from what is real. The same holds at every boundary
of a backbone: a stage hands the mask on, or a shorter one if it shortens the length, and recomputes
whatever else depends on positions. A vector that an example has one of stands as [batch, 1, width].

So a batch can be taken `apart` into examples without padding, kept, and put `together` again with
other neighbours. An example without a mask (a picture) is of one size, and is stacked.

An example may be asked about at several positions, which its `rows` [length] mark. If it is longer
than a backbone reads at once, its windows are laid end to end, with their lengths as `windows`; in
a batch they stand apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch

from headstart.modalities.base import Arrays, State

POSITIONS = 1024
"""How many positions, padding counted, a batch of examples of different lengths has at most.

What a stage gives for more no longer fits next to a core: with 4,096 MiniLM and both
bundled nets took 17 to 44 % longer for short texts and sounds, and with 512 no less than with this.
"""

MOST = 256
WINDOWS = "windows"
HELD = 32 * POSITIONS
"""How many positions are waited for, so that examples of like length can share a batch."""

Item = TypeVar("Item")


def together(examples: Sequence[Arrays]) -> State:
    """Return a batch of examples; what has a length is padded with zeros at the end."""
    examples = [window for example in examples for window in windows_of(example)]
    if "mask" not in examples[0]:
        return {
            name: torch.from_numpy(np.stack([example[name] for example in examples]))
            for name in examples[0]
        }
    lengths = [len(example["mask"]) for example in examples]
    longest, state = max(lengths), {}
    for name, first in examples[0].items():
        long = all(
            len(each[name]) == length for each, length in zip(examples, lengths, strict=True)
        )
        shape = (longest, *first.shape[1:]) if long else first.shape
        rows = np.zeros((len(examples), *shape), first.dtype)
        for row, example in zip(rows, examples, strict=True):
            row[: len(example[name])] = example[name]
        state[name] = torch.from_numpy(rows)
    return state


def apart(state: State) -> list[Arrays]:
    """Return the examples of a batch, each without its padding; floats become float32."""
    arrays = {
        name: (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()
        for name, tensor in state.items()
    }
    if "mask" not in arrays:
        count = len(next(iter(arrays.values())))
        return [{name: array[row] for name, array in arrays.items()} for row in range(count)]
    shape = arrays["mask"].shape
    return [
        {
            name: array[row, :length] if array.shape[:2] == shape else array[row]
            for name, array in arrays.items()
        }
        for row, length in enumerate(arrays["mask"].sum(1).tolist())
    ]


def joined(windows: Sequence[Arrays]) -> Arrays:
    """Return the windows of one example, in which rows are marked, as that example."""
    whole = {name: np.concatenate([each[name] for each in windows]) for name in windows[0]}
    return {**whole, WINDOWS: np.array([len(each["mask"]) for each in windows], np.int32)}


def windows_of(example: Arrays) -> list[Arrays]:
    """Return the windows that an example was joined from; most examples are one themselves."""
    if WINDOWS not in example:
        return [example]
    ends = np.cumsum(example[WINDOWS])[:-1]
    parts = {name: np.split(each, ends) for name, each in example.items() if name != WINDOWS}
    return [{name: each[at] for name, each in parts.items()} for at in range(len(example[WINDOWS]))]


def rejoined(windows: Sequence[Arrays], like: Sequence[Arrays]) -> list[Arrays]:
    """Return what a batch came to, window by window, as the examples that it was made of."""
    left = iter(windows)
    return [
        joined([next(left) for _ in example[WINDOWS]]) if WINDOWS in example else next(left)
        for example in like
    ]


def plan(lengths: Sequence[int]) -> list[list[int]]:
    """Return batches of examples of like length, as positions: the longest first."""
    order = sorted(range(len(lengths)), key=lambda at: -lengths[at])
    batches, start = [], 0
    while start < len(order):
        count = max(1, min(MOST, POSITIONS // max(1, lengths[order[start]])))
        batches.append(order[start : start + count])
        start += count
    return batches


def batched(
    turns: Iterable[Sequence[tuple[Item, Arrays]]],
) -> Iterator[list[list[tuple[Item, Arrays]]]]:
    """Group examples that come in turns into batches, and yield the batches that belong together.

    Examples of one size keep their turns. The others are held back until there are enough of them
    to put those of like length into a batch: little padding is computed, and memory is bounded.
    """
    held: list[tuple[Item, Arrays]] = []
    waiting = 0
    for turn in turns:
        if turn and "mask" not in turn[0][1]:
            yield [list(turn)]
            continue
        held += turn
        waiting += sum(len(arrays["mask"]) for _, arrays in turn)
        if waiting >= HELD:
            yield _sorted(held)
            held, waiting = [], 0
    if held:
        yield _sorted(held)


def _sorted(held: Sequence[tuple[Item, Arrays]]) -> list[list[tuple[Item, Arrays]]]:
    lengths = [len(arrays["mask"]) for _, arrays in held]
    return [[held[at] for at in batch] for batch in plan(lengths)]
