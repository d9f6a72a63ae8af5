"""Questions on texts that tests make: of the one thing of a kind that a text speaks of."""

import json
import random

from tests.words import BAD, GOOD, REST, THINGS


def paragraph(chance, words=14, number=0):
    """Return a SQuAD paragraph: what is good in it is asked for, and in some texts nothing is."""
    said = [chance.choice(REST) for _ in range(words)]
    good = chance.random() < 0.8
    at = chance.randrange(words)
    answer = f"{chance.choice(GOOD if good else BAD)} {chance.choice(THINGS)}"
    context = " ".join([*said[:at], answer, *said[at:]])
    start = len(" ".join(said[:at])) + (at > 0)
    asked = {"id": f"q{number}", "question": "what was sweet", "answers": []}
    if good:
        asked["answers"] = [{"text": answer, "answer_start": start}]
    else:
        asked["is_impossible"] = True
    return {"context": context, "qas": [asked]}


def write_squad(path, count=60, seed=0, words=14):
    chance = random.Random(seed)
    paragraphs = [paragraph(chance, words, number) for number in range(count)]
    content = {"version": "v2.0", "data": [{"title": "t", "paragraphs": paragraphs}]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
