"""The same thing more than once: copies, near-copies, across the split, under two labels."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.check.looked import Looked, name_files, say_labels
from headstart.counting import count_things
from headstart.schema import Finding

COPIES = ("is an exact copy", "are exact copies")


def find_conflicts(looked: Looked) -> list[Finding]:
    """Name what stands in the data under different labels."""
    groups = [
        group
        for group in looked.twins
        if len({looked.samples[position].target for position in group}) > 1
    ]
    if not groups:
        return []
    first = groups[0][0]
    other = next(
        position
        for position in groups[0]
        if looked.samples[position].target != looked.samples[first].target
    )
    said = " and ".join(
        f"{looked.samples[position].name} ({say_labels(looked.samples[position].target)})"
        for position in (first, other)
    )
    flat = [position for group in groups for position in group]
    return [
        Finding(
            "conflicting_labels",
            "problem",
            f"{count_things(len(groups), 'example stands', 'examples stand')} in the data more "
            f"than once, under different labels: {said}"
            f"{', for one' if len(groups) > 1 else ''}.",
            "Decide which label is right and delete the others; no model can satisfy both.",
            name_files(looked.samples, flat),
            len(flat),
        )
    ]


def find_across_split(looked: Looked) -> list[Finding]:
    """Name the test examples that can also be learnt from, when the person made the split."""
    held = len(looked.samples) - looked.learning
    leaks: list[int] = []
    pairs: list[int] = []
    for group in looked.twins:
        test = [position for position in group if looked.in_test(position)]
        if test and len(test) < len(group):
            leaks += test
            pairs += group
    if not leaks:
        return []
    return [
        Finding(
            "twins_across_split",
            "problem",
            f"{len(leaks):,} of {count_things(held, 'test example')} can be learnt by heart: the "
            "same thing stands in the training part.",
            "Take them out of one of the two parts. `fit` leaves them in and gives its figures "
            "with and without them.",
            name_files(looked.samples, pairs),
            len(leaks),
        )
    ]


def find_groups_across(looked: Looked) -> list[Finding]:
    """Name the test examples whose group, a speaker or a recording, is learnt from as well."""
    learnt = {sample.group for sample in looked.samples[: looked.learning]} - {None}
    across = [
        position
        for position in range(looked.learning, len(looked.samples))
        if looked.samples[position].group in learnt
    ]
    if not across:
        return []
    groups = {looked.samples[position].group for position in across}
    held = len(looked.samples) - looked.learning
    return [
        Finding(
            "groups_across_split",
            "problem",
            f"{len(across):,} of {count_things(held, 'test example')} belong to "
            f"{count_things(len(groups), 'group')} (a recording, a person) that the training part "
            f"has too, such as {looked.samples[across[0]].name}.",
            "What such examples share can be learnt by heart: move each group to one side.",
            name_files(looked.samples, across),
            len(across),
        )
    ]


def find_copies(looked: Looked) -> list[Finding]:
    """Name copies of one file, and what is the same thing stored again in another way."""
    by_key: dict[str, list[int]] = {}
    for position, sample in enumerate(looked.samples):
        if sample.key:
            by_key.setdefault(sample.key, []).append(position)
    exact = [group for group in by_key.values() if len(group) > 1]
    near = [
        list({looked.samples[position].key or position: position for position in group}.values())
        for group in looked.twins
    ]
    near = [group for group in near if len(group) > 1]
    findings = []
    if exact:
        one, many = (f"{verb} of another {looked.thing}" for verb in COPIES)
        findings.append(_say_copies(looked, "exact_copies", exact, one, many))
    if near:
        what = f"the same as another {looked.thing}, stored again (re-encoded, or changed a little)"
        findings.append(_say_copies(looked, "near_copies", near, f"shows {what}", f"show {what}"))
    return findings


def _say_copies(
    looked: Looked, kind: str, groups: Sequence[Sequence[int]], one: str, many: str
) -> Finding:
    flat = [position for group in groups for position in group]
    extra = len(flat) - len(groups)
    names = " and ".join(looked.samples[position].name for position in groups[0][:2])
    return Finding(
        kind,
        "warning",
        f"{count_things(extra, looked.thing)} of {len(looked.samples):,} "
        f"{one if extra == 1 else many}, in {count_things(len(groups), 'group')}; such as {names}.",
        "headstart keeps each group on one side of every split that it makes, so they do not "
        "flatter its figures. They count more than once in training: keep one of each, unless that "
        "is meant.",
        name_files(looked.samples, flat),
        len(flat),
    )
