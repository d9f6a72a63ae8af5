"""Plain requests, questions and complaints of everyday life, made from patterns.

The corpus is written by authors; people who fill in a form write otherwise ("how do I change my
address", "the thing I ordered still isn't here"). The patterns hold the manner, and the slots are
filled with words sorted by a crude look at their company in the corpus (what follows "the" or
"my" is a thing, what follows "to" is an act) or with any word of the teacher's vocabulary. The
patterns were written without regard to any topic: no word in them names a trade.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

BEFORE_THING = {"the", "a", "an", "my", "your", "his", "her", "their", "our", "this"}
BEFORE_ACT = {"to", "can", "could", "would", "must", "should", "will"}
BEFORE_ACTED = {"was", "were", "been", "is", "are", "being", "be"}
TIMES = [
    "today",
    "yesterday",
    "last week",
    "last night",
    "two days ago",
    "this morning",
    "again",
    "for a week",
    "for the third time",
    "since Monday",
    "a month ago",
    "tomorrow",
    "by Friday",
    "an hour ago",
    "all day",
    "in 2 hours",
    "on 5 May",
    "at 10 am",
    "every day",
    "now",
]
PATTERNS = [
    "How do I {act} my {thing}?",
    "How can I {act} a {thing}",
    "How do you {act} the {any} {thing}?",
    "Where can I {act} my {thing}?",
    "Where do I find the {thing}?",
    "where is my {thing}",
    "What is the {thing} for {any}?",
    "What is a {any} {thing}?",
    "What does {any} mean?",
    "What should I do if my {thing} is {acted}?",
    "What happens when the {thing} is {acted}?",
    "Why was my {thing} {acted}?",
    "Why is the {thing} not {acted} yet?",
    "Why can't I {act} it?",
    "Why does my {thing} {act} {any}?",
    "why did you {act} my {thing} {time}",
    "When will my {thing} be {acted}?",
    "When can I {act} the {thing}?",
    "How long until {thing}?",
    "How long does it take to {act} a {thing}?",
    "How much is the {thing} to {act} {any}?",
    "How many {any} can I {act} {time}?",
    "Which {thing} can I {act}?",
    "Who can {act} my {thing}?",
    "Can I {act} my {thing} {time}?",
    "Can you {act} the {thing} for me?",
    "Could I {act} a {any}?",
    "Do I need a {thing} to {act} {any}?",
    "Do you {act} {any}?",
    "Is it possible to {act} {any}?",
    "Is there a {thing} with {any}?",
    "Are there any {thing} that {act} {any}?",
    "Does the {thing} {act} with {any} or {any}?",
    "Will my {thing} {act} the {thing}?",
    "I want to {act} my {thing}.",
    "I would like to {act} a {thing}, please",
    "I need a {thing}",
    "I need to {act} the {thing} {time}",
    "I need help with my {any} {thing}.",
    "please {act} {any}",
    "I can't {act} my {thing}.",
    "I cannot {act} the {any}, what now?",
    "I forgot my {thing}",
    "I have lost my {thing} {time}.",
    "I don't know {any}",
    "I tried to {act} the {thing} but it was {acted}",
    "I {acted} my {thing} {time}, is that ok?",
    "I never {acted} this {thing}!",
    "My {thing} was {acted} {time}",
    "My {thing} is {acted}, how can I {act} it?",
    "My {thing} does not {act}.",
    "My {thing} {any}?",
    "The {thing} was not {acted} {time}.",
    "The {thing} I {acted} is not here",
    "the {thing} failed",
    "The {any} says my {thing} is {acted}. Why?",
    "It says {any} when I {act} the {thing}",
    "Someone {acted} my {thing}, please help!",
    "Tell me about {any} and {any}.",
    "Tell me how to {act} {any} {time}",
    "Explain the {any} {thing}",
    "Find me a {thing} near {any}",
    "Show me the {thing} for {time}",
    "Remind me to {act} {time}.",
    "Play some {any} {time}",
    "Turn the {thing} on",
    "Turn off the {any}.",
    "{act} the {thing} {time}",
    "What's wrong with the {thing}?",
    "This {thing} is {any}.",
    "Great {thing}, very {any}!",
    "The worst {thing} I ever {acted}.",
    "Not {any} at all, the {thing} was {acted}",
    "I love the {any} {thing}",
    "I hate that {thing}, so {any}",
    "Looking for a {any} {thing}",
    "Thanks for the {thing}!",
    "{any} {thing}",
    "{acted} {thing}",
    "{act} {thing}",
    "new {thing} {time}",
    "{thing} not {acted}",
    "{thing} and {thing}",
    "no {thing}",
    "Where to {act} {any} {thing}",
    "Should I {act} the {thing} or {act} another {thing}?",
    "From {any} to {any} {time}",
]


def sort_words(texts: Iterable[str], common: list[str]) -> dict[str, list[str]]:
    """Which words of the vocabulary are used as things, acts and things done, by their company."""
    known = set(common)
    thing, act, acted, seen = Counter(), Counter(), Counter(), Counter()  # type: ignore[var-annotated]
    for text in texts:
        before = ""
        for word in text.lower().split():
            word = word.strip(".,;:!?\"'()")
            if word in known:
                seen[word] += 1
                thing[word] += before in BEFORE_THING
                act[word] += before in BEFORE_ACT
                acted[word] += before in BEFORE_ACTED and word.endswith(("ed", "en", "wn", "nt"))
            before = word
    return {
        "thing": [w for w, n in seen.items() if thing[w] > 0.25 * n and act[w] < 0.1 * n],
        "act": [w for w, n in seen.items() if n > 3 and act[w] > 0.25 * n],
        "acted": [w for w, n in seen.items() if n > 3 and acted[w] > 0.1 * n],
        "any": common,
        "time": TIMES,
    }


def make_requests(slots: dict[str, list[str]], seed: int, count: int) -> list[str]:
    """`count` requests; a slot's word is now and then any word, as the sorting is crude."""
    rng = random.Random(seed)

    def word(slot: str) -> str:
        loose = slot in ("thing", "act") and rng.random() < 0.3
        options = slots["any"] if loose or not slots[slot] else slots[slot]
        # Half the time one of the commoner words: they make the likelier sentences.
        if slot == "any" and rng.random() < 0.5:
            options = options[: max(1, len(options) // 4)]
        return rng.choice(options)

    made = []
    for _ in range(count):
        pattern = rng.choice(PATTERNS)
        while "{" in pattern:
            start, end = pattern.index("{"), pattern.index("}")
            slot = pattern[start + 1 : end]
            new = word(slot)
            if slot == "thing" and rng.random() < 0.2:
                new = f"{word('any')} {new}"
            pattern = pattern[:start] + new + pattern[end + 1 :]
        if rng.random() < 0.15:
            pattern = f"{pattern} {rng.choice(['please', 'Thanks', 'I need it ' + word('time')])}"
        if rng.random() < 0.25:
            pattern = pattern.rstrip("?.!").lower()
        made.append(pattern)
    return made
