"""What a modality is: how one kind of input is read, prepared for a backbone, and recognised again.

A modality meets a backbone only through the backbone's `InputSpec`. It knows nothing of labels,
heads or training. Adding one is adding one file here and one entry point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from headstart.asked import Located
from headstart.schema import InputSpec

Arrays = dict[str, np.ndarray]
"""One prepared example: per-sample arrays by name, in the smallest dtype that loses nothing.

Where the length varies it comes first in each array, and a `mask` is among them: see `lengths`.
"""

State = dict[str, torch.Tensor]
"""A batch on its way through a backbone: tensors by name, first dimension the batch."""


class Modality(Protocol):
    """One kind of input. `suffixes` are the file endings it reads, lower case with the dot.

    `inline` says that a string is an input itself, as a text is, and not the way to one. `timed`
    says that an input can be a part of a longer one, from a start to an end.
    """

    name: str
    suffixes: frozenset[str]
    inline: bool
    timed: bool

    def accepts(self, source: Any) -> bool:
        """Tell whether this modality could read `source` (a path or an object), unread."""

    def fingerprint(self, source: Any) -> str:
        """Return a hash of the content: equal for two copies of a file, whatever their names."""

    def read(self, source: Any) -> Any:
        """Decode one input, or raise `UnreadableInput` saying why it cannot be."""

    def prepare(self, raw: Any, spec: InputSpec) -> Arrays:
        """Turn a decoded input into what the spec describes, up to `collate`: its first window."""

    def windows(self, raw: Any, spec: InputSpec) -> list[Arrays]:
        """Return an input that is longer than the spec allows as several, the first as `prepare`.

        What a backbone reads off them is averaged, each counting by its length.
        """

    def locate(self, raw: Any, spec: InputSpec) -> Located:
        """Return where the rows stand that are marked in an input, if the modality marks any."""

    def view(self, raw: Any, spec: InputSpec, key: str, number: int) -> Arrays:
        """Return augmentation view `number`: a pure function of the sample's key and the number.

        Numbers count from 1. Where examples have a mirror image, the even views are of it.
        """

    def mirror(self, example: Arrays) -> Arrays | None:
        """Return the mirror image of a prepared example; None where there is no such thing."""

    def collate(self, examples: Sequence[Arrays], spec: InputSpec) -> State:
        """Stack prepared examples into a float32 batch, normalised as the checkpoint expects."""

    def sketch(self, raw: Any) -> np.ndarray:
        """Return a small fixed-size uint8 fingerprint of the content's look, for `twins`."""

    def twins(self, sketches: np.ndarray) -> list[list[int]]:
        """Return the groups (two or more row numbers each) that show the same thing."""

    def facts(self, source: Any) -> dict[str, Any]:
        """Return what an input says of itself before it is decoded (format, size), for `check`.

        Single values are looked at for shortcuts to the label. Lists are for reading: `fits` (file
        endings that go with the content), `damage` (what is wrong with the bytes, in words),
        `flaws` (what a whole file lacks of what it should hold, in words: "silence"). The
        optional `line_ends` counts CR LF pairs: `found`, `expected` by chance, beside all `feeds`.
        """

    def show(self, raw: Any) -> dict[str, str]:
        """Return a small likeness for the report: its `kind`, and `mime` with base64 `data`."""

    def golden(self, spec: InputSpec, seed: int, count: int) -> list[Any]:
        """Generate `count` decoded inputs from a seed, to stand in for the user's in self-tests.

        Models keep what they gave for them, so they stay the same from version to version.
        """

    def varied(self, spec: InputSpec, seed: int, count: int) -> list[Any]:
        """Generate `count` decoded inputs, as unlike each other as generated ones can be."""
