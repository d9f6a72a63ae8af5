"""What the looks look at: every sample with its facts, and which samples show the same thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headstart.asked import labels_of
from headstart.schema import Finding, Said, Sample, Unreadable

SHOWN = 40
NAMED_AT_MOST = 1000
"""A finding names this many files; its `count` says how many there are."""


@dataclass(frozen=True)
class Looked:
    """Data as `check` sees it: the samples to learn from, then the person's own test part.

    `facts` go with the samples by position; those that were not asked for are empty. `twins` are
    groups of positions that show the same thing, copies of one file among them. `thing` is what an
    example is called: a file, or a text that stands in the table itself.
    """

    samples: tuple[Sample, ...]
    learning: int
    facts: tuple[Mapping[str, Any], ...]
    twins: tuple[tuple[int, ...], ...]
    set_aside: tuple[Unreadable, ...] = ()
    thing: str = "file"

    def in_test(self, position: int) -> bool:
        """Tell whether the sample at a position is of the person's own test part."""
        return position >= self.learning


def name_files(kept: Sequence[Sample], positions: Iterable[int]) -> tuple[str, ...]:
    """Return what a person calls the samples at these positions, as many as a finding names."""
    names = [kept[position].name for position in positions]
    return tuple(names[:NAMED_AT_MOST])


def say_labels(target: Any) -> str:
    """Return a sample's labels, or what is said in it, as they are written in a sentence."""
    if isinstance(target, Said):
        return f"'{target.text[:SHOWN]}{' …' if len(target.text) > SHOWN else ''}'"
    return " + ".join(f"'{label}'" for label in labels_of(target)) or "no label"


def count_labels(samples: Iterable[Sample]) -> Counter[str]:
    """Count how many samples carry each label."""
    return Counter(label for sample in samples for label in labels_of(sample.target))


RANKS = {"problem": 0, "warning": 1, "info": 2}


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with the worst first; equally bad ones stay in order."""
    return tuple(sorted(findings, key=lambda finding: RANKS[finding.severity]))
