"""Augmentation views of texts: what a few hundred of them are varied by when a net is trained.

A view is a pure function of the text, its sample's key and the view's number, so it can be computed
again anywhere and cached. It is gentle, as a word can turn a text's meaning: up to one word in ten
is left out, now and then two neighbours change places or everything is lower-cased; of a long text
any window may be taken, not the first alone. Where a text is asked about word by word, each word
keeps its row, and a few are hidden.
"""

from __future__ import annotations

import hashlib

import numpy as np

from headstart.asked import Passage, Words
from headstart.modalities.base import Arrays
from headstart.modalities.lengths import joined
from headstart.modalities.text_passages import passage_windows
from headstart.modalities.text_read import Parts
from headstart.modalities.text_rows import vary_words, word_windows, words_of
from headstart.modalities.text_tokens import windows
from headstart.schema import TextSpec

MOST_LEFT_OUT = 0.1
SWAPPED = 0.25
LOWERED = 0.2
FEWEST_WORDS = 4
"""Shorter texts are left as they are: each of their words may be the one that counts."""


def make_view(raw: Parts | Words | Passage, spec: TextSpec, key: str, number: int) -> Arrays:
    """Return view `number` of a sample's text."""
    seed = hashlib.sha256(f"{key}\n{number}".encode()).digest()
    chance = np.random.Generator(np.random.PCG64(int.from_bytes(seed[:16], "little")))
    if isinstance(raw, Passage):
        return joined(passage_windows(raw, spec, chance))
    if isinstance(raw, Words):
        return joined(word_windows(vary_words(words_of(raw), chance), spec))
    lowered = chance.random() < LOWERED
    varied = tuple(_vary(text.lower() if lowered else text, chance) for text in raw)
    found = windows(varied, spec)
    return found[int(chance.integers(len(found)))]


def _vary(text: str, chance: np.random.Generator) -> str:
    words = text.split()
    if len(words) < FEWEST_WORDS:
        return text
    kept = chance.random(len(words)) >= chance.uniform(0, MOST_LEFT_OUT)
    words = [word for word, keep in zip(words, kept, strict=True) if keep] or words
    if len(words) > 1 and chance.random() < SWAPPED:
        at = int(chance.integers(len(words) - 1))
        words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)
