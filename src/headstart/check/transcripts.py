"""Transcripts that cannot be of their recording, and those that many recordings have."""

from __future__ import annotations

from collections import defaultdict

from headstart.check.looked import Looked, name_files, say_labels
from headstart.counting import count_things
from headstart.normalise import plain
from headstart.schema import Finding, Said

FASTEST = 6.5
"""Words a second that nobody says for long: auctioneers reach about five."""

FASTEST_LETTERS = 35.0
"""Letters a second, for writing without blanks between words, and for very long words."""

OFTEN = 2


def find_hasty(looked: Looked) -> list[Finding]:
    """Say which transcripts hold more than can be said in the time of their recording."""
    hasty = []
    for at, (sample, facts) in enumerate(zip(looked.samples, looked.facts, strict=True)):
        if isinstance(sample.target, Said) and "seconds" in facts:
            seconds = max(float(facts["seconds"]), 0.5)
            text = plain(sample.target.text)
            letters = len(text.replace(" ", ""))
            if len(text.split()) > FASTEST * seconds or letters > FASTEST_LETTERS * seconds:
                hasty.append(at)
    if not hasty:
        return []
    first = looked.samples[hasty[0]]
    seconds = float(looked.facts[hasty[0]]["seconds"])
    return [
        Finding(
            "hasty_transcripts",
            "problem",
            f"{count_things(len(hasty), 'transcript')} cannot be said in the time of the "
            f"recording, such as {say_labels(first.target)} in {seconds:.1f} s ({first.name}).",
            "They are of other recordings, or of longer ones: look at how the two were put "
            "together, and at start and end.",
            name_files(looked.samples, hasty),
            len(hasty),
        )
    ]


def find_repeated(looked: Looked) -> list[Finding]:
    """Say when different recordings have one transcript: it may stand on both sides of a split."""
    same: dict[str, list[int]] = defaultdict(list)
    for at, sample in enumerate(looked.samples):
        if isinstance(sample.target, Said):
            same[plain(sample.target.text)].append(at)
    repeated = [positions for positions in same.values() if len(positions) >= OFTEN]
    if not repeated:
        return []
    members = [at for positions in repeated for at in positions]
    most = looked.samples[max(repeated, key=len)[0]]
    return [
        Finding(
            "repeated_transcripts",
            "warning",
            f"{len(members):,} recordings share {count_things(len(repeated), 'transcript')}; the "
            f"most frequent is {say_labels(most.target)}.",
            "A sentence that was learnt is easily recognised again. To see how well new sentences "
            "are understood, keep one sentence's recordings together (--group with the column of "
            "transcripts).",
            name_files(looked.samples, members),
            len(members),
        )
    ]
