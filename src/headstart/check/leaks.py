"""The label written into the text itself: a figure near perfect, and nothing learnt."""

from __future__ import annotations

import re
from collections import Counter

from headstart.asked import labels_of
from headstart.check.looked import Looked, name_files
from headstart.schema import Finding

LEAST = 20
OFTEN = 0.5
"""Share of the texts that name their own label from which it is more than a manner of speaking."""

TELLING = 0.9
"""Share of all labels named in texts that are the text's own: the label gives itself away."""


def find_leaks(looked: Looked) -> list[Finding]:
    """Say when texts name their own label, and hardly ever another one."""
    texts = {
        at: sample.input if isinstance(sample.input, str) else " \n ".join(sample.input)
        for at, sample in enumerate(looked.samples)
        if labels_of(sample.target) and (isinstance(sample.input, str) or _is_pair(sample.input))
    }
    if len(texts) < LEAST:
        return []
    counts = Counter(label for at in texts for label in labels_of(looked.samples[at].target))
    words = {label: " ".join(_words(label)) for label in counts}
    longest = max(len(each.split()) for each in words.values())
    known = {each for each in words.values() if each}
    own: list[int] = []
    named = 0
    for at, text in texts.items():
        found = _named(_words(text), known, longest)
        mine = found & {words[label] for label in labels_of(looked.samples[at].target)}
        named += len(found)
        if mine:
            own.append(at)
    if len(own) < OFTEN * len(texts) or len(own) < TELLING * named:
        return []
    first = looked.samples[own[0]]
    return [
        Finding(
            "label_in_text",
            "problem",
            f"The label stands in the text itself: {len(own):,} of {len(texts):,} texts name their "
            f"own label and hardly any another one, such as {first.name} "
            f"('{labels_of(first.target)[0]}').",
            "Take the label out of the texts: new ones will come without it, and a model that "
            "reads it off has learnt nothing else.",
            name_files(looked.samples, own),
            len(own),
        )
    ]


def _is_pair(given: object) -> bool:
    return isinstance(given, tuple) and all(isinstance(part, str) for part in given)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("_", " "))


def _named(words: list[str], known: set[str], longest: int) -> set[str]:
    """Return which labels, as runs of words, stand in a text."""
    runs = {
        " ".join(words[at : at + count])
        for count in range(1, longest + 1)
        for at in range(len(words) - count + 1)
    }
    return runs & known
