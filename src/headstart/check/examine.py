"""All looks together: gather what they look at, then let each say what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from headstart.check.balance import find_imbalance
from headstart.check.duplicates import (
    find_across_split,
    find_conflicts,
    find_copies,
    find_groups_across,
)
from headstart.check.files import find_damaged, find_misnamed, find_unreadable
from headstart.check.flaws import find_flaws
from headstart.check.leaks import find_leaks
from headstart.check.looked import Looked, sort_findings
from headstart.check.shape import find_outliers
from headstart.check.shortcuts import find_shortcuts
from headstart.check.transcripts import find_hasty, find_repeated
from headstart.errors import UnreadableInput
from headstart.features import ahead
from headstart.modalities.base import Modality
from headstart.progress import Progress, Silent
from headstart.schema import Finding, Sample, Unreadable

LOOKS: tuple[Callable[[Looked], list[Finding]], ...] = (
    find_unreadable,
    find_damaged,
    find_conflicts,
    find_across_split,
    find_groups_across,
    find_flaws,
    find_leaks,
    find_hasty,
    find_repeated,
    find_shortcuts,
    find_imbalance,
    find_copies,
    find_misnamed,
    find_outliers,
)

MOST_FACTS = 20_000
"""Of more files than this, facts are asked of an even part only: it says as much, sooner."""


def examine(
    samples: Sequence[Sample],
    modality: Modality,
    *,
    test: Sequence[Sample] = (),
    set_aside: Sequence[Unreadable] = (),
    twins: Sequence[Sequence[int]] | None = None,
    progress: Progress | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong with the data, the worst first.

    `test` is the person's own test part. `twins` are the groups of positions in `samples` and then
    `test` that show the same thing, where a caller knows them already, and that all can be read;
    without them every input is read here, and what cannot be joins `set_aside`.
    """
    progress = progress or Silent()
    both = (*samples, *test)
    step = max(1, -(-len(both) // MOST_FACTS))
    wanted = [position % step == 0 for position in range(len(both))]
    progress.start("Looking at the data", len(both))
    read = twins is None

    def look(position: int) -> tuple[Sample, Mapping[str, Any], np.ndarray | None] | Unreadable:
        sample = both[position]
        try:
            if not sample.key:
                sample = replace(sample, key=modality.fingerprint(sample.input))
            sketch = modality.sketch(modality.read(sample.input)) if read else None
            facts = modality.facts(sample.input) if wanted[position] else {}
        except UnreadableInput as error:
            return Unreadable(sample.name, error.message)
        return sample, facts, sketch

    kept: list[Sample] = []
    facts: list[Mapping[str, Any]] = []
    rows: list[np.ndarray] = []
    aside = list(set_aside)
    learning = 0
    new: dict[int, int] = {}
    for position, seen in enumerate(ahead(look, range(len(both)), 256)):
        progress.advance()
        if isinstance(seen, Unreadable):
            aside.append(seen)
            continue
        new[position] = len(kept)
        kept.append(seen[0])
        facts.append(seen[1])
        learning += position < len(samples)
        if seen[2] is not None:
            rows.append(seen[2])
    progress.finish()
    if twins is None:
        groups = modality.twins(np.stack(rows)) if rows else []
    else:
        groups = [[new[position] for position in group if position in new] for group in twins]
    looked = Looked(
        tuple(kept),
        learning,
        tuple(facts),
        tuple(map(tuple, groups)),
        tuple(aside),
        "text" if modality.inline else "file",
    )
    return sort_findings(finding for find in LOOKS for finding in find(looked))
