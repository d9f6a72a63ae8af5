"""Files unlike the others by what they say of themselves: far larger, another mode, animated."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from headstart.check.looked import Looked, name_files
from headstart.counting import count_things
from headstart.schema import Finding

FAR = 8.0
"""A number is out of line when it is eight times the middle one, or an eighth of it, ..."""

SPREADS = 6.0
"""... and six times as far from it as half of the others are, on a scale of ratios."""

RARE = 0.05
LEAST_FILES = 20


def find_outliers(looked: Looked) -> list[Finding]:
    """Name files whose numbers or words differ from nearly all others'."""
    known = [position for position, facts in enumerate(looked.facts) if facts]
    if len(known) < LEAST_FILES:
        return []
    findings: list[Finding] = []
    words: dict[str, list[str]] = {}
    named: set[int] = set()
    for name, values in scalar_facts(looked.facts, known):
        if all(isinstance(value, bool) for value in values):
            continue
        if all(isinstance(value, int | float) for value in values):
            positions = [known[at] for at in _far_out(values)]
            # A very wide picture is also an outlier in area and bytes: once is enough.
            fresh = [position for position in positions if position not in named]
            if fresh:
                named.update(fresh)
                findings.append(_say_numbers(looked, name, fresh, float(np.median(values))))
        else:
            words[name] = list(map(str, values))
    return [*_say_words(looked, words, known), *findings]


def scalar_facts(
    facts: Sequence[Mapping[str, Any]], positions: Sequence[int]
) -> Iterator[tuple[str, list[Any]]]:
    """Yield every fact that is a single value for all of these positions, with the values."""
    names = dict.fromkeys(name for position in positions for name in facts[position])
    for name in names:
        values = [facts[position].get(name) for position in positions]
        if all(isinstance(value, str | int | float) for value in values):
            yield name, values


def _far_out(values: Sequence[float]) -> list[int]:
    numbers = np.asarray(values, np.float64)
    if (numbers <= 0).any():
        return []
    ratios = np.log(numbers)
    away = np.abs(ratios - np.median(ratios))
    usual = float(np.median(away))
    far: list[int] = np.flatnonzero((away >= math.log(FAR)) & (away > SPREADS * usual)).tolist()
    return far if len(far) <= RARE * len(values) else []


def _say_numbers(looked: Looked, name: str, positions: list[int], middle: float) -> Finding:
    first = positions[0]
    return Finding(
        "outlier",
        "info",
        f"{count_things(len(positions), looked.thing)} out of line in {name}, such as "
        f"{looked.samples[first].name} with {looked.facts[first][name]:,} where the middle one "
        f"has {middle:,.{0 if middle >= 100 else 2}f}.",
        "Look whether they belong here: placeholders, icons and screenshots often do not.",
        name_files(looked.samples, positions),
        len(positions),
    )


def _say_words(
    looked: Looked, words: Mapping[str, Sequence[str]], known: Sequence[int]
) -> list[Finding]:
    """Say once in what all files do not agree, and name those that are of a rare kind in any."""
    spreads: list[str] = []
    rare: set[int] = set()
    unlike: set[int] = set()
    for name, values in words.items():
        counts = Counter(values)
        if len(counts) < 2:
            continue
        usual = counts.most_common(1)[0][0]
        unlike.update(at for at, word in enumerate(values) if word != usual)
        rare.update(at for at, word in enumerate(values) if counts[word] <= RARE * len(values))
        spread = ", ".join(f"{word} ({count:,})" for word, count in counts.most_common(6))
        spreads.append(f"{name}: {spread}")
    if not spreads:
        return []
    return [
        Finding(
            "mixed",
            "info",
            f"{looked.thing.capitalize()}s differ in {'; in '.join(spreads)}.",
            "They are all brought to one form before the model sees them"
            + ("; look whether the rare ones belong among the others." if rare else "."),
            name_files(looked.samples, (known[at] for at in sorted(rare))),
            len(rare or unlike),
        )
    ]
