"""Connectionist temporal classification: a character, or none, for each frame of a sound.

Which frame a character falls on is learnt, not told: all ways of spreading a text over the frames
count together. The empty character stands between two that are the same, and where nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from headstart.errors import DataError
from headstart.speech.words import Word

BLANK = ""
SPACE = " "


def characters_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the characters that texts are spelt with: the empty one, the blank, then the rest."""
    return (BLANK, SPACE, *sorted({character for text in texts for character in text} - {SPACE}))


def spell(text: str, characters: Sequence[str]) -> np.ndarray:
    """Return a text as the numbers of its characters.

    A checkpoint that knows a character as a capital or as a small letter only is given that one.
    """
    numbers = {character: number for number, character in enumerate(characters)}
    found = [
        next((numbers[form] for form in (c, c.upper(), c.lower()) if form in numbers), None)
        for c in text
    ]
    lacking = sorted({c for c, number in zip(text, found, strict=True) if number is None})
    if lacking:
        shown = ", ".join(f"{character!r}" for character in lacking[:8])
        raise DataError(
            f"The transcript '{text[:60]}' has characters that the backbone does not spell: "
            f"{shown}.",
            "Write them out in letters (50 % as fifty percent), or take the rows out.",
        )
    return np.array(found, np.int64)


def frames_needed(numbers: np.ndarray) -> int:
    """Return how many frames a text takes at least: one a character, one between two equal ones."""
    return len(numbers) + int((numbers[1:] == numbers[:-1]).sum())


def read_off(
    logits: np.ndarray, characters: Sequence[str], start: float, seconds: float
) -> tuple[Word, ...]:
    """Return the words that frames [frames, characters] spell, by the best character of each.

    A frame lasts `seconds`, the first begins at `start`. A word is as sure as the mean of its
    characters' frames.
    """
    if not len(logits):
        return ()
    highest = logits.max(1, keepdims=True)
    best = logits.argmax(1)
    sure = 1 / np.exp(logits - highest).sum(1)
    words: list[Word] = []
    letters: list[tuple[str, float]] = []
    first = last = 0

    def close() -> None:
        if letters:
            text = "".join(letter for letter, _ in letters)
            certainty = float(np.mean([each for _, each in letters]))
            end = start + (last + 1) * seconds
            words.append(Word(text, start + first * seconds, end, certainty))
            letters.clear()

    before = -1
    for frame, number in enumerate(best.tolist()):
        character = characters[number]
        if character == SPACE:
            close()
        elif len(character) == 1:
            first = first if letters else frame
            last = frame
            if number != before:
                letters.append((character, float(sure[frame])))
        before = number
    close()
    return tuple(words)
