"""What the frozen stages give at a boundary, view by view: computed once, read in every epoch.

Training the stages from `k` on needs the state at boundary `k` and nothing below it. That state is
a pure function of the sample, the view's number and the frozen weights, so it is kept in the store
under exactly those. A deeper boundary is computed from the nearest one that is there already. What
would not fit (maps of early stages are large) is computed from the views in every epoch instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from headstart import devices, features, store
from headstart.alongside import carry
from headstart.backbones.base import Backbone
from headstart.counting import count_things
from headstart.freezing import seal
from headstart.modalities.base import Arrays, Modality, State
from headstart.modalities.lengths import apart, rejoined, together
from headstart.precision import at_precision, cast
from headstart.progress import Progress, Silent
from headstart.schema import Sample
from headstart.store import Shelf

SHARE_OF_STORE = 0.5
"""One boundary takes at most this share of what the store may hold."""

Pairs = Sequence[tuple[int, int]]
"""Samples' positions, each with the number of one of its views; view 0 is the plain one."""


PLAIN = (0,)
"""The numbers of the views where only the plain one is wanted."""


def at_boundary(
    samples: Sequence[Sample],
    modality: Modality,
    backbone: Backbone,
    boundary: int,
    numbers: Sequence[int],
    precision: str,
    progress: Progress | None = None,
) -> Callable[[Pairs], State]:
    """Return how to fetch the state at a boundary, with everything that it needs in the store.

    `numbers` are of the views wanted, and pairs name a sample's view by its number.
    """
    progress = progress or Silent()
    if boundary:
        kept = _Kept(samples, modality, backbone, precision, numbers)
        if kept.make(boundary, progress):
            return lambda pairs: kept.fetch(boundary, pairs)
    arrays = features.views(samples, modality, backbone.spec, numbers, progress)

    def fetch(pairs: Pairs) -> State:
        # Laid out as for the store: the order of sums, and so the last digits, are the same.
        state = cast(modality.collate(arrays(pairs), backbone.spec), "float32")
        with torch.no_grad():
            return carry(backbone, state, 0, boundary)

    return fetch


class _Kept:
    """Activations of some samples in the store, at any boundary of one backbone."""

    def __init__(
        self,
        samples: Sequence[Sample],
        modality: Modality,
        backbone: Backbone,
        precision: str,
        numbers: Sequence[int],
    ) -> None:
        self.samples, self.modality, self.backbone = samples, modality, backbone
        self.precision, self.numbers = precision, numbers
        self.shelves: dict[int, Shelf] = {}

    def shelf(self, boundary: int) -> Shelf:
        """Return the shelf of a boundary: what lies above it has no part in its name."""
        if boundary not in self.shelves:
            backbone = self.backbone
            recipe = {name: value for name, value in backbone.recipe.items() if name != "name"}
            about = json.dumps([recipe, backbone.spec.to_json()], sort_keys=True, default=str)
            frozen = hashlib.sha256((about + seal(backbone, boundary)).encode()).hexdigest()
            self.shelves[boundary] = features.open_shelf(
                "activations",
                backbone=backbone.name,
                frozen=frozen,
                boundary=boundary,
                precision=self.precision,
                drawn=features.DRAWN,
                **devices.named(backbone.device),
                **features.asked_of(self.samples),
            )
        return self.shelves[boundary]

    def key(self, position: int, view: int) -> str:
        return hashlib.sha256(f"{self.samples[position].key}:{view}".encode()).hexdigest()

    def lacking(self, boundary: int) -> list[tuple[int, int]]:
        shelf, pairs = self.shelf(boundary), dict[str, tuple[int, int]]()
        for position in range(len(self.samples)):
            for view in self.numbers:
                if (key := self.key(position, view)) not in shelf:
                    pairs.setdefault(key, (position, view))  # two copies of a file are made once
        return list(pairs.values())

    def make(self, boundary: int, progress: Progress) -> bool:
        """Compute what the store lacks; tell whether it has room for that."""
        missing = self.lacking(boundary)
        if not missing:
            return True
        with at_precision(self.backbone, self.precision):
            first = next(self.compute(missing[:1], 0, boundary))[1][0]
            size = sum(array.nbytes for array in first.values())
            if size * len(self.samples) * len(self.numbers) > store.limit() * SHARE_OF_STORE:
                return False
            start = next(
                (at for at in range(boundary - 1, 0, -1) if not self.lacking(at)),
                0,
            )
            views = count_things(len(self.numbers), "view")
            progress.start(f"Computing stage {boundary} of {views}", len(missing))
            shelf = self.shelf(boundary)
            shelf.claim()
            try:
                for pairs, rows in self.compute(missing, start, boundary):
                    for (position, view), row in zip(pairs, rows, strict=True):
                        shelf.put(self.key(position, view), row)
                    progress.advance(len(pairs))
            finally:
                shelf.flush()
            progress.finish()
            shelf.tidy()
            store.trim({each.folder for each in self.shelves.values()})
        return True

    def compute(
        self, missing: Sequence[tuple[int, int]], start: int, boundary: int
    ) -> Iterator[tuple[Sequence[tuple[int, int]], list[Arrays]]]:
        """Yield some of the missing at a boundary, from the views or from a lower boundary."""
        if start:
            for at in range(0, len(missing), features.BATCH):
                pairs = missing[at : at + features.BATCH]
                examples = self.kept(start, pairs)
                yield pairs, self.run(together(examples), examples, start, boundary)
            return
        at = 0
        for examples in features.in_turns(self.view, missing, features.BATCH):
            pairs = missing[at : at + len(examples)]
            at += len(examples)
            state = self.modality.collate(examples, self.backbone.spec)
            yield pairs, self.run(state, examples, 0, boundary)

    def view(self, pair: tuple[int, int]) -> Arrays:
        sample, number = self.samples[pair[0]], pair[1]
        raw = self.modality.read(sample.input)
        if number == 0:
            return self.modality.prepare(raw, self.backbone.spec)
        return self.modality.view(raw, self.backbone.spec, sample.key, number)

    def run(self, state: State, examples: Sequence[Arrays], start: int, stop: int) -> list[Arrays]:
        with torch.no_grad():
            done = carry(self.backbone, cast(dict(state), self.precision), start, stop)
        return [
            {name: np.ascontiguousarray(array) for name, array in row.items()}
            for row in rejoined(apart(done), examples)
        ]

    def kept(self, boundary: int, pairs: Pairs) -> list[Arrays]:
        shelf = self.shelf(boundary)
        return [dict(shelf.get(self.key(position, view))) for position, view in pairs]

    def fetch(self, boundary: int, pairs: Pairs) -> State:
        return cast(together(self.kept(boundary, pairs)), "float32")
