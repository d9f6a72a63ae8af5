"""How texts are asked about row by row, where their rows stand, and what is right for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from headstart.schema import Said


@dataclass(frozen=True)
class Words:
    """A text that is asked about word by word: one row for each of its words.

    `text` is the text, or the path of one. `places` are where its words begin and end; where none
    are given, the text modality finds the words.
    """

    asked: ClassVar[str] = "words"
    text: Any
    places: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Tags:
    """What is right for each word of a text, as BIO: `B-person`, `I-person`, `O`.

    `places` are where the words stand.
    """

    each: tuple[str, ...]
    places: tuple[tuple[int, int], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the type of each thing that is named, in order."""
        return tuple(tag[2:] for tag in self.each if tag.startswith("B-"))


def labels_of(target: Any) -> tuple[str, ...]:
    """Return the labels of a target: one, several, or none."""
    if target is None or isinstance(target, Said):
        return ()
    if isinstance(target, Tags):
        return target.labels
    return tuple(map(str, target)) if isinstance(target, tuple) else (str(target),)
