"""Tagged texts that tests make: of things that are good or bad, such as `lovely room`."""

import random

from tests.words import BAD, GOOD, REST, THINGS


def sentence(chance, words=9):
    """Return (word, tag) pairs: here and there a judgement and the thing that it is of."""
    pairs = []
    while len(pairs) < words:
        kind = chance.choice(["good", "bad", "none", "none"])
        if kind == "none":
            pairs.append((chance.choice(REST), "O"))
        else:
            judged = chance.choice(GOOD if kind == "good" else BAD)
            pairs += [(judged, f"B-{kind}"), (chance.choice(THINGS), f"I-{kind}")]
    return [*pairs, (".", "O")]


def sentences(count=80, seed=0, words=9):
    chance = random.Random(seed)
    return [sentence(chance, words) for _ in range(count)]


def write_conll(path, texts, between="\t", end="\n"):
    lines = [end.join(f"{word}{between}{tag}" for word, tag in text) for text in texts]
    path.write_bytes((end + end).join([*lines, ""]).encode())
    return path
