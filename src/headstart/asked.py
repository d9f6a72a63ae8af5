"""How texts are asked about row by row, where their rows stand, and what is right for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar


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
class Passage:
    """A question, and the text that its answer stands in (or the path of one).

    Each token of the text is a row: the answer may begin or end there.
    """

    asked: ClassVar[str] = "passage"
    question: str
    text: Any


@dataclass(frozen=True)
class Located:
    """Where in a text its rows stand: `places` has a window, a beginning and an end for each row.

    A row that stands for none of the text begins and ends at -1.
    """

    text: str
    places: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Answers:
    """What is right for a question: the answers in words, and where in the text each begins.

    None is right where the text does not answer it. `located` are the rows of its text.
    """

    texts: tuple[str, ...]
    starts: tuple[int, ...]
    located: Located | None = field(default=None, repr=False, compare=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return nothing: answers are not of kinds."""
        return ()


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
    if target is None:
        return ()
    if isinstance(target, Tags | Answers):
        return target.labels
    return tuple(map(str, target)) if isinstance(target, tuple) else (str(target),)
