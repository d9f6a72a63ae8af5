"""Cuts the corpus into the texts that are distilled: sentences, spans, passages, variants.

A passage gives its sentences, spans of 2 to 20 words, neighbouring sentences joined, windows up to
the whole passage, and cheap variants (no punctuation, words left out, words replaced). Replacing
words by others from the teacher's vocabulary, and the plain requests of `patterns.py`, show the
student words and manners of speaking that novels, encyclopedias and film reviews hardly hold: the
teacher labels any text, so no text has to be real.

All of it follows from the passage and the seed, so two runs give the same texts.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq

SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")
PUNCTUATION = re.compile(r"[^\w\s']+")
EXCLUDED = Path(__file__).parent / "excluded.json"
LONGEST = 190  # words: about what the teacher reads before it cuts


def normalise(text: str) -> str:
    """Lower-cased words with single spaces: what "the same text" means here and in the scan."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def text_hash(text: str) -> str:
    return hashlib.sha256(normalise(text).encode()).hexdigest()[:16]


def is_held_back(text: str) -> bool:
    """One passage in a hundred, chosen by its own hash, is never trained on."""
    return int(text_hash(text), 16) % 100 == 0


def excluded_hashes() -> frozenset[str]:
    """What the scan found too near an evaluation text, by hash."""
    if not EXCLUDED.exists():
        return frozenset()
    return frozenset(json.loads(EXCLUDED.read_text("utf-8"))["hashes"])


def load_passages(
    path: Path, limit: int | None = None, everything: bool = False
) -> list[tuple[str, str]]:
    """(source, text) of every passage that the scan did not exclude, or of all."""
    excluded = frozenset() if everything else excluded_hashes()
    table = pq.read_table(path, columns=["source", "text"]).to_pydict()
    pairs = zip(table["source"], table["text"], strict=True)
    passages = [(s, t) for s, t in pairs if text_hash(t) not in excluded]
    if limit:
        passages = passages[:: max(1, len(passages) // limit)][:limit]
    return passages


def sentences(text: str) -> list[str]:
    return [s.strip() for s in SENTENCE_END.split(text) if len(s.split()) >= 2]


def span(words: list[str], rng: random.Random, shortest: int = 2, longest: int = 20) -> str:
    """A run of words; short ones are likelier, as most user texts are short."""
    length = min(len(words), int(shortest + (longest - shortest) * rng.random() ** 1.5))
    start = rng.randrange(len(words) - length + 1)
    return " ".join(words[start : start + length])


def replace_words(words: list[str], rng: random.Random, common: list[str], share: float) -> str:
    """Longer words replaced by any words of the teacher's vocabulary, keeping a capital."""
    out = []
    for word in words:
        if len(word) > 3 and word.isalpha() and rng.random() < share:
            new = rng.choice(common)
            word = new.capitalize() if word[0].isupper() else new
        out.append(word)
    return " ".join(out)


def variant(text: str, rng: random.Random, common: list[str]) -> str:
    """The text without punctuation, or with words left out, swapped or replaced."""
    words = text.split()
    kind = rng.random()
    if kind < 0.25:
        return " ".join(PUNCTUATION.sub(" ", text).split())
    if kind < 0.4:
        kept = [w for w in words if rng.random() > 0.15]
        return " ".join(kept or words)
    if kind < 0.5 and len(words) > 3:
        i = rng.randrange(len(words) - 1)
        words[i], words[i + 1] = words[i + 1], words[i]
        return " ".join(words)
    return replace_words(words, rng, common, rng.choice([0.2, 0.4, 0.7]))


def cut(source: str, passage: str, common: list[str], seed: int) -> list[str]:
    """Every text that one passage gives; with a seed above 0, only those that chance changes."""
    rng = random.Random(f"{seed} {text_hash(passage)}")
    words = passage.split()
    if len(words) < 2:
        return []
    if source == "question":
        # Short and alone: two texts with other words keep the manner of asking, not the topic.
        texts = [span(words, rng), variant(passage, rng, common)]
        texts.append(replace_words(words, rng, common, 0.5))
        return texts if seed else [passage, *texts]
    found = sentences(passage)
    texts = [] if seed else list(found)
    for sentence in found:
        pieces = sentence.split()
        if len(pieces) > 4:
            texts += [span(pieces, rng), span(pieces, rng), variant(sentence, rng, common)]
    texts += [f"{a} {b}" for a, b in pairwise(found) if rng.random() < 0.4]
    texts += [span(words, rng) for _ in range(max(1, len(words) // 40))]
    if len(found) > 2:
        for _ in range(2):
            start = rng.randrange(len(found) - 1)
            texts.append(" ".join(found[start : start + rng.randint(2, 6)]))
        texts.append(" ".join(words[:LONGEST]))
    return [" ".join(t.split()[:LONGEST]) for t in texts]


def teacher_words(vocabulary: dict[str, int]) -> list[str]:
    """Whole words of the teacher's vocabulary, commonest first."""
    in_order = sorted(vocabulary, key=lambda w: vocabulary[w])
    return [w for w in in_order if re.fullmatch(r"[a-z]{3,}", w)]


def word_texts(common: list[str], seed: int, count: int) -> list[str]:
    """Every word alone, then random handfuls: what each word means where no grammar helps."""
    rng = random.Random(seed)
    texts = list(common)
    while len(texts) < count:
        texts.append(" ".join(rng.choice(common) for _ in range(rng.randint(2, 6))))
    return texts
