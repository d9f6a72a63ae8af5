"""Words with their times, and how those of overlapping windows become one text.

A long recording is heard in windows that overlap. What two neighbours say of the part that both
heard is laid side by side, and one is left for the other in the middle of the longest run of words
on which they agree: at its edge a window hears half words, and there the other is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from headstart.normalise import plain
from headstart.schema import Segment

PAUSE = 0.5
"""So many seconds between two words end a segment."""

SLACK = 1.0
"""A word may stand so many seconds beside where it was said and still be looked for there."""


@dataclass(frozen=True)
class Word:
    """A word, from when to when it was said in seconds, and how sure the model was of it.

    One that `opens` begins a part whose times the model told.
    """

    text: str
    start: float
    end: float
    probability: float = 1.0
    opens: bool = False

    @property
    def middle(self) -> float:
        """Return the moment in the middle of it."""
        return (self.start + self.end) / 2


@dataclass(frozen=True)
class Window:
    """What was heard from `start` to `end`, in seconds of the recording."""

    start: float
    end: float
    words: tuple[Word, ...]


def spread_evenly(
    texts: Sequence[str], start: float, end: float, probability: float
) -> tuple[Word, ...]:
    """Return words of which only the part is known that they were said in, evenly spread."""
    total, at = sum(len(text) + 1 for text in texts), 0
    words: list[Word] = []
    for text in texts:
        begun = at
        at += len(text) + 1
        share = (end - start) / total
        since, until = start + begun * share, start + at * share
        words.append(Word(text, since, until, probability, opens=not words))
    return tuple(words)


def stitch(windows: Sequence[Window]) -> list[Window]:
    """Return windows that no longer overlap, each with the words that are left to it.

    They come in the order of their starts.
    """
    done = list(windows)
    for at in range(len(done) - 1):
        done[at], done[at + 1] = _part(done[at], done[at + 1])
    return done


def _part(left: Window, right: Window) -> tuple[Window, Window]:
    """Divide what two windows both heard between them."""
    if right.start >= left.end:
        return left, right
    first = [n for n, word in enumerate(left.words) if word.end > right.start - SLACK]
    second = [n for n, word in enumerate(right.words) if word.start < left.end + SLACK]
    middle = (right.start + left.end) / 2
    mine = [plain(left.words[n].text) for n in first]
    theirs = [plain(right.words[n].text) for n in second]
    agreed = SequenceMatcher(None, mine, theirs, autojunk=False).find_longest_match()
    if agreed.size:
        half = agreed.size // 2
        kept = left.words[: first[agreed.a] + half]
        rest = right.words[second[agreed.b] + half :]
        middle = min(max(rest[0].start, right.start), left.end)
    else:
        kept = tuple(word for word in left.words if word.middle < middle)
        rest = tuple(word for word in right.words if word.middle >= middle)
    return replace(left, end=middle, words=kept), replace(right, start=middle, words=rest)


def by_pauses(words: Sequence[Word]) -> tuple[Segment, ...]:
    """Return words whose times are known as segments: each from one pause to the next."""
    runs = _runs(words, lambda before, word: word.start - before.end >= PAUSE)
    return tuple(_segment(run[0].start, run[-1].end, run) for run in runs)


def by_parts(windows: Sequence[Window]) -> tuple[Segment, ...]:
    """Return the parts that the model told, as segments within their windows."""
    found = []
    for window in windows:
        for run in _runs(window.words, lambda _, word: word.opens):
            start = min(max(run[0].start, window.start), window.end)
            end = min(max(run[-1].end, start), window.end)
            found.append(_segment(start, end, run))
    return tuple(found)


def _segment(start: float, end: float, words: Sequence[Word]) -> Segment:
    """Return a segment, to the millisecond: nothing hears more exactly."""
    return Segment(round(start, 3), round(end, 3), text_of(words))


def _runs(words: Sequence[Word], parted: Callable[[Word, Word], bool]) -> list[list[Word]]:
    """Return words in runs: a new one begins where a word is parted from the one before."""
    runs: list[list[Word]] = []
    for word in words:
        if runs and not parted(runs[-1][-1], word):
            runs[-1].append(word)
        else:
            runs.append([word])
    return runs


def text_of(words: Sequence[Word]) -> str:
    """Return words as one text."""
    return " ".join(word.text for word in words)
