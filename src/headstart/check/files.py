"""Files that cannot be read, are named for another format than they hold, or were damaged."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePath

from headstart.asked import labels_of
from headstart.check.looked import NAMED_AT_MOST, Looked, name_files
from headstart.counting import count_things
from headstart.schema import Finding, Unreadable

SHARE_BY_CHANCE = 0.1
LEAST_EXPECTED = 10.0
"""With ten CR LF pairs to be expected and under one found, chance is ruled out even if the
expectation, which takes bytes for independent, is several times too high."""


def find_unreadable(looked: Looked) -> list[Finding]:
    """Name the files that could not be used, one finding for each kind of cause."""
    causes: dict[str, list[Unreadable]] = {}
    for each in looked.set_aside:
        # The same cause differs by names in quotes and by numbers.
        kind = re.sub(r"'[^']*'|b'.*'|[\d,]+", "", each.why)
        causes.setdefault(kind, []).append(each)
    findings = []
    for alike in causes.values():
        first = alike[0]
        if len(alike) == 1:
            message = f"1 {looked.thing} cannot be used: {first.name}: {first.why}"
        else:
            count = count_things(len(alike), looked.thing)
            message = f"{count} cannot be used, such as {first.name}: {first.why}"
        findings.append(
            Finding(
                "unreadable",
                "warning",
                message,
                "They are left out of training and of the test. Get them again from where they "
                "came, or delete them.",
                tuple(each.name for each in alike[:NAMED_AT_MOST]),
                len(alike),
            )
        )
    return findings


def find_misnamed(looked: Looked) -> list[Finding]:
    """Name the files whose ending belongs to another format than their content."""
    wrong = [
        position
        for position, (sample, facts) in enumerate(zip(looked.samples, looked.facts, strict=True))
        if facts.get("fits")
        and PurePath(sample.name).suffix
        and PurePath(sample.name).suffix.lower() not in facts["fits"]
    ]
    if not wrong:
        return []
    first = looked.samples[wrong[0]].name
    return [
        Finding(
            "misnamed",
            "info",
            f"{count_things(len(wrong), 'file has', 'files have')} the ending of another format, "
            f"such as {first}, which holds {looked.facts[wrong[0]].get('format')}.",
            "headstart goes by the content, so nothing is wrong here; other programs may stumble "
            "over it.",
            name_files(looked.samples, wrong),
            len(wrong),
        )
    ]


def find_damaged(looked: Looked) -> list[Finding]:
    """Name the files that decoders accept although bytes were lost or changed on the way."""
    hurt = [position for position, facts in enumerate(looked.facts) if facts.get("damage")]
    if not hurt:
        return []
    asked = sum(1 for facts in looked.facts if facts)
    first = looked.samples[hurt[0]].name
    by_label = Counter(
        label for position in hurt for label in labels_of(looked.samples[position].target)
    )
    shares = ", ".join(f"{count} '{label}'" for label, count in by_label.most_common(5))
    among = f" ({shares})" if shares else ""
    return [
        Finding(
            "damaged",
            "problem",
            f"{len(hurt):,} of {count_things(asked, 'file')}{among} lost or gained bytes on the "
            "way, so part of each is shown shifted or in a wrong tone, without an error. In "
            f"{first} {looked.facts[hurt[0]]['damage'][0]}.{_explain_line_ends(looked)}",
            "Get these files again in binary mode. Trained on as they are, the model may learn "
            "the damage.",
            name_files(looked.samples, hurt),
            len(hurt),
        )
    ]


def _explain_line_ends(looked: Looked) -> str:
    """Say whether the files went through a conversion of line ends, by the pairs of CR and LF."""
    counts = [facts["line_ends"] for facts in looked.facts if facts.get("line_ends")]
    found = sum(count["found"] for count in counts)
    expected = sum(count["expected"] for count in counts)
    feeds = sum(count["feeds"] for count in counts)
    if expected >= LEAST_EXPECTED and found <= SHARE_BY_CHANCE * expected:
        return (
            f" All files together hold {count_things(found, 'CR LF pair')} where about "
            f"{expected:.0f} are to be expected: they went through a conversion of line ends "
            "(git's autocrlf or a transfer in text mode), which takes bytes out."
        )
    if feeds >= LEAST_EXPECTED and found >= 0.9 * feeds:
        return (
            " Nearly every LF byte has a CR before it: the files went through a conversion of line "
            "ends (git's autocrlf or a transfer in text mode), which puts bytes in."
        )
    return ""
