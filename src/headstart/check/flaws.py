"""Files that are whole and still lack what they should hold: silence, clipping, and the like."""

from __future__ import annotations

import re
from collections import Counter

from headstart.asked import labels_of
from headstart.check.looked import Looked, name_files
from headstart.counting import count_things
from headstart.schema import Finding


def find_flaws(looked: Looked) -> list[Finding]:
    """Name the files with a flaw, one finding for each kind of it, most files first."""
    kinds: dict[str, list[tuple[int, str]]] = {}
    for position, facts in enumerate(looked.facts):
        for flaw in facts.get("flaws", ()):
            # The same flaw differs by how bad it is.
            kind = re.sub(r"[\d.,%]+", "", flaw)
            kinds.setdefault(kind, []).append((position, flaw))
    asked = sum(1 for facts in looked.facts if facts)
    findings = []
    for found in sorted(kinds.values(), key=len, reverse=True):
        positions = [position for position, _ in found]
        by_label = Counter(
            label for at in positions for label in labels_of(looked.samples[at].target)
        )
        shares = ", ".join(f"{count:,} '{label}'" for label, count in by_label.most_common(5))
        findings.append(
            Finding(
                "flawed",
                "warning",
                f"{len(positions):,} of {count_things(asked, 'file')}"
                f"{f' ({shares})' if shares else ''} {'has' if len(positions) == 1 else 'have'} "
                f"{found[0][1]}, such as {looked.samples[positions[0]].name}.",
                "Look whether they show what their label says; if not, leave them out or get them "
                "again. Where it goes with the label, a model may learn the flaw.",
                name_files(looked.samples, positions),
                len(positions),
            )
        )
    return findings
