"""Answers in words, compared as SQuAD's own script does: exactly, and by the words in common.

Both are brought down first: small letters, no punctuation, no articles, single blanks. Of several
right answers the one that is nearest counts; no answer is right where there is none.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b")
WITHOUT_MARKS = str.maketrans("", "", string.punctuation)


def bring_down(answer: str) -> str:
    """Return an answer in the form in which answers are compared."""
    return " ".join(ARTICLES.sub(" ", answer.lower().translate(WITHOUT_MARKS)).split())


def exact(said: str, truths: Sequence[str]) -> float:
    """Return 1 where an answer is one of the right ones, else 0."""
    return float(any(bring_down(said) == bring_down(truth) for truth in truths or ("",)))


def overlap(said: str, truths: Sequence[str]) -> float:
    """Return the F1 of an answer's words, against the right answer that is nearest."""
    return max(_overlap(bring_down(said).split(), bring_down(t).split()) for t in truths or ("",))


def _overlap(said: list[str], truth: list[str]) -> float:
    if not said or not truth:
        return float(said == truth)
    common = sum((Counter(said) & Counter(truth)).values())
    return 2 * common / (len(said) + len(truth))
