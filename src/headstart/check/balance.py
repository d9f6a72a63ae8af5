"""How many examples each label has: none, one, few, or nearly all."""

from __future__ import annotations

from headstart.asked import Tags, labels_of
from headstart.check.looked import Looked, count_labels, name_files
from headstart.counting import count_things
from headstart.schema import Finding

FEW = 10
LOPSIDED = 10.0
NAMED_LABELS = 5


def find_imbalance(looked: Looked) -> list[Finding]:
    """Say which labels have too few examples to learn, or so many that they hide the others."""
    learning = looked.samples[: looked.learning]
    counts = count_labels(learning)
    if not counts:
        return []
    findings = []
    if len(counts) == 1 and all(labels_of(sample.target) for sample in learning):
        label, count = next(iter(counts.items()))
        findings.append(
            Finding(
                "one_label",
                "problem",
                f"All {count:,} examples have the one label '{label}'.",
                "Add examples of what it is not: there must be two labels to tell apart.",
                (),
                count,
            )
        )
    findings += _find_few(looked, counts)
    most, least = max(counts.values()), min(counts.values())
    if len(counts) > 1 and most >= LOPSIDED * least:
        label, share = counts.most_common(1)[0][0], most / len(learning)
        rarest = min(counts, key=lambda name: (counts[name], name))
        findings.append(
            Finding(
                "imbalance",
                "warning",
                f"'{label}' has {most:,} examples ({share:.0%}) and '{rarest}' has {least:,}: "
                f"always saying '{label}' is right {share:.0%} of the time and knows nothing."
                if not any(isinstance(sample.target, Tags) for sample in learning)
                else f"'{label}' is named {most:,} times and '{rarest}' {least:,} times.",
                "Judge by macro-F1 and by each label's recall, not by accuracy. More examples of "
                "the rare labels help most.",
                (),
                most,
            )
        )
    return [*findings, *_find_strangers(looked, set(counts))]


def _find_few(looked: Looked, counts: dict[str, int]) -> list[Finding]:
    findings = []
    for kind, severity, rare, say in (
        ("lone_examples", "problem", [x for x in counts if counts[x] == 1], "only one example"),
        (
            "tiny_classes",
            "warning",
            [x for x in counts if 1 < counts[x] < FEW],
            f"fewer than {FEW} examples",
        ),
    ):
        if not rare:
            continue
        shown = ", ".join(f"'{name}' ({counts[name]})" for name in sorted(rare)[:NAMED_LABELS])
        more = f" and {len(rare) - NAMED_LABELS:,} more" if len(rare) > NAMED_LABELS else ""
        wanted = set(rare)
        positions = [
            position
            for position, sample in enumerate(looked.samples[: looked.learning])
            if wanted & set(labels_of(sample.target))
        ]
        findings.append(
            Finding(
                kind,
                "problem" if severity == "problem" else "warning",
                f"{count_things(len(rare), 'label has', 'labels have')} {say}: {shown}{more}.",
                "Ten of each are a beginning and fifty are better: add some, or take the label "
                "out. What is said of so few examples is mostly chance.",
                name_files(looked.samples, positions),
                len(positions),
            )
        )
    return findings


def _find_strangers(looked: Looked, known: set[str]) -> list[Finding]:
    """Name test examples with labels that nothing can be learnt about."""
    strange = [
        position
        for position in range(looked.learning, len(looked.samples))
        if set(labels_of(looked.samples[position].target)) - known
    ]
    if not strange:
        return []
    first = looked.samples[strange[0]]
    return [
        Finding(
            "unknown_test_labels",
            "problem",
            f"{count_things(len(strange), 'test example has', 'test examples have')} a label that "
            f"no training example has, such as {first.name}.",
            "Give training examples of these labels, or take them out of the test part.",
            name_files(looked.samples, strange),
            len(strange),
        )
    ]
