"""What a file says of itself that gives its label away: format, size, mode, damage.

A net can see most of these (size as blur, compression as blocks, a mode as missing colour). Where
they go with the label, a good figure may only say that the model learnt where a file came from.

Each fact is judged alone by the plainest rule there is: cut it into a few ranges, answer each range
with the label that is commonest there. The rule is scored by balanced accuracy on folds it has not
seen, against the same with the labels shuffled, and the chance that it did as
well by luck is multiplied by the number of facts of its kind (truths, words, numbers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.asked import labels_of
from headstart.check.looked import Looked, name_files
from headstart.check.shape import scalar_facts
from headstart.schema import Finding

FOLDS = 5
RANGES = 12
MOST_SAMPLES = 4000
SHUFFLES = 1000
SURE = 0.01
"""The most that chance may explain, after the number of facts is counted."""

STRONG = 0.6
NOTABLE = 0.3
"""How far above guessing a rule must be (0 guessing, 1 perfect) for a problem, for a warning."""

LEAST_PER_LABEL = 5
DESCRIBED_LABELS = 6
MOST_LABELS = 200


@dataclass(frozen=True)
class Rule:
    """How well one fact tells the label: balanced accuracy, guessing's, and chance's share."""

    fact: str
    score: float
    guessing: float
    luck: float

    @property
    def strength(self) -> float:
        """Return how far the rule is above guessing: 0 no better, 1 never wrong."""
        return (self.score - self.guessing) / (1 - self.guessing)


def find_shortcuts(looked: Looked) -> list[Finding]:
    """Say which facts about files predict the label far better than guessing."""
    # Of twins only the first counts: copies repeat their facts and label, and prove nothing more.
    repeated = {position for twins in looked.twins for position in twins[1:]}
    positions = [
        position
        for position in range(looked.learning)
        if position not in repeated
        and looked.facts[position]
        and len(labels_of(looked.samples[position].target)) == 1
    ]
    positions = _keep_enough(looked, positions)
    if not positions:
        return []
    names = [labels_of(looked.samples[position].target)[0] for position in positions]
    labels, targets = np.unique(names, return_inverse=True)
    facts = {
        name: values
        for name, values in scalar_facts(looked.facts, positions)
        if len(set(values)) > 1
    }
    folds = _fold(targets)
    findings = []
    for family in ("truth", "word", "number"):
        columns = {
            name: _cut(values) for name, values in facts.items() if _family(values) == family
        }
        rules = judge_facts(columns, targets, len(labels), folds)
        sure = [rule for rule in rules if rule.luck <= SURE and rule.strength >= NOTABLE]
        if sure:
            sure.sort(key=lambda rule: -rule.score)
            best = sure[0].fact
            examples = _telling_examples(columns[best], targets, positions)
            described = _describe(facts[best], names)
            findings.append(_say(looked, sure, described, examples))
    return findings


def judge_facts(
    columns: dict[str, np.ndarray], targets: np.ndarray, n_labels: int, folds: np.ndarray
) -> list[Rule]:
    """Score each fact's rule; `columns` are small whole numbers, one for each range or word."""
    guessing = 1 / n_labels
    chance = np.random.default_rng(0)
    scores = {name: _score(column, targets, n_labels, folds) for name, column in columns.items()}
    open_still = {
        name: 0 for name, score in scores.items() if (score - guessing) / (1 - guessing) >= NOTABLE
    }
    shuffled = targets.copy()
    done = 0
    while done < SHUFFLES and open_still:
        # Within folds, so that each keeps its share of every label.
        for fold in range(FOLDS):
            rows = np.flatnonzero(folds == fold)
            shuffled[rows] = targets[chance.permutation(rows)]
        done += 1
        for name in list(open_still):
            open_still[name] += _score(columns[name], shuffled, n_labels, folds) >= scores[name]
        if done == 100:  # What luck does so often is settled; only the rest is worth more.
            open_still = {name: count for name, count in open_still.items() if count < 3}
    luck = {name: (count + 1) / (done + 1) * len(columns) for name, count in open_still.items()}
    return [
        Rule(name, score, guessing, min(1.0, luck.get(name, 1.0))) for name, score in scores.items()
    ]


def _score(column: np.ndarray, targets: np.ndarray, n_labels: int, folds: np.ndarray) -> float:
    """Return the balanced accuracy on unseen folds of answering by each range's commonest label.

    "Commonest" counts every label as equally frequent, since the score does.
    """
    width = int(column.max()) + 1
    index = (folds * width + column) * n_labels + targets
    counts = np.bincount(index, minlength=FOLDS * width * n_labels)
    tables = counts.reshape(FOLDS, width, n_labels).astype(np.float64)
    seen = tables.sum(0)[None] - tables
    share = seen / np.maximum(seen.sum(1, keepdims=True), 1)
    answers = share.argmax(2)
    right = np.take_along_axis(tables, answers[:, :, None], 2)[:, :, 0]
    hits = np.zeros(n_labels)
    np.add.at(hits, answers.ravel(), right.ravel())
    totals = tables.sum((0, 1))
    return float((hits[totals > 0] / totals[totals > 0]).mean())


def _cut(values: Sequence[Any]) -> np.ndarray:
    """Return numbers cut into ranges with about as many in each; words and truths as they are."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        numbers = np.asarray(values, np.float64)
        distinct = np.unique(numbers)
        if len(distinct) > RANGES:
            wanted = max(2, min(RANGES, len(numbers) // 10))
            edges = np.unique(np.quantile(numbers, np.linspace(0, 1, wanted + 1)[1:-1]))
            return np.searchsorted(edges, numbers, side="right")
        return np.searchsorted(distinct, numbers)
    words = np.asarray([str(value) for value in values])
    return np.unique(words, return_inverse=True)[1].reshape(-1)


def _keep_enough(looked: Looked, positions: list[int]) -> list[int]:
    """Keep labels with enough examples to judge, and of very many samples an even part."""
    step = max(1, -(-len(positions) // MOST_SAMPLES))
    positions = positions[::step]
    names = [labels_of(looked.samples[position].target)[0] for position in positions]
    counts = {name: names.count(name) for name in set(names)}
    enough = {name for name, count in counts.items() if count >= LEAST_PER_LABEL}
    if not 2 <= len(enough) <= MOST_LABELS:
        return []
    return [at for at, name in zip(positions, names, strict=True) if name in enough]


def _fold(targets: np.ndarray) -> np.ndarray:
    """Deal samples out to folds label by label, so that every fold has its share of each."""
    order = np.random.default_rng(0).permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    folds = np.empty(len(targets), np.int64)
    folds[order] = np.arange(len(targets)) % FOLDS
    return folds


def _family(values: Sequence[Any]) -> str:
    if all(isinstance(value, bool) for value in values):
        return "truth"
    return "number" if all(isinstance(value, int | float) for value in values) else "word"


def _describe(values: Sequence[Any], names: Sequence[str]) -> str:
    """Say how a fact differs between the labels, while there are few."""
    by_label: dict[str, list[Any]] = {}
    for value, name in zip(values, names, strict=True):
        by_label.setdefault(name, []).append(value)
    if len(by_label) > DESCRIBED_LABELS:
        return ""
    if _family(values) == "number":
        parts = [
            f"'{name}' {_say_number(float(np.median(own)))}"
            for name, own in sorted(by_label.items())
        ]
        return f" The middle of each label: {', '.join(parts)}."
    parts = []
    for name, own in sorted(by_label.items()):
        counts = Counter("yes" if x is True else "no" if x is False else str(x) for x in own)
        parts.append(f"'{name}' {', '.join(f'{x} {n:,}' for x, n in counts.most_common(3))}")
    return f" By label: {'; '.join(parts)}."


def _say_number(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2f}"


def _telling_examples(
    column: np.ndarray, targets: np.ndarray, positions: Sequence[int]
) -> list[int]:
    """Return the examples whose range goes with their label: those that the rule gets right."""
    table = np.zeros((int(column.max()) + 1, int(targets.max()) + 1))
    np.add.at(table, (column, targets), 1)
    answers = (table / table.sum(0)).argmax(1)
    return [positions[int(row)] for row in np.flatnonzero(answers[column] == targets)]


def _say(looked: Looked, rules: Sequence[Rule], described: str, examples: Sequence[int]) -> Finding:
    best, others = rules[0], rules[1:]
    also = ""
    if others:
        listed = ", ".join(f"{rule.fact} ({rule.score:.0%})" for rule in others)
        also = f" The same goes for {listed}."
    return Finding(
        "shortcut",
        "problem" if best.strength >= STRONG else "warning",
        f"Going by one thing about a {looked.thing}, '{best.fact}', the labels can be told apart "
        f"with a balanced accuracy of {best.score:.0%}, where guessing gets {best.guessing:.0%}."
        f"{described}{also}",
        "Find out where the difference comes from. If the labels came from different sources, mix "
        f"the sources or bring all {looked.thing}s to one form; else a model may learn the source "
        "and fail elsewhere.",
        name_files(looked.samples, examples),
        len(examples),
    )
