"""Transcripts beside what was said: words and characters that were inserted, deleted, replaced.

The alignment is jiwer's. An error rate is the errors of all transcripts over the words of all
references, so a long one counts for more than a short one, and it can exceed 1 where much was
inserted. Give texts as they are to be compared: normalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from headstart.errors import UserError
from headstart.metrics.intervals import Resamples, Z, share_interval, spread
from headstart.schema import Figure

Fate = Literal["equal", "replace", "delete", "insert"]
FATES: dict[str, Fate] = {
    "equal": "equal",
    "substitute": "replace",
    "delete": "delete",
    "insert": "insert",
}
UPPER_HALF = 0.5
"""Above it an error rate, which has no upper end, is no longer treated as a share."""


@dataclass(frozen=True)
class Run:
    """Neighbouring words that fared alike: what stands in the reference, and what was written."""

    fate: Fate
    said: str
    written: str


@dataclass(frozen=True)
class Counts:
    """Of each transcript how many errors it has, and how long its reference is."""

    errors: np.ndarray
    lengths: np.ndarray


def _jiwer() -> Any:
    try:
        import jiwer
    except ImportError:
        raise UserError(
            "Transcripts are compared by jiwer, which is not installed.",
            "Install it with `pip install headstart[audio]`.",
        ) from None
    return jiwer


def align_words(reference: str, written: str) -> tuple[Run, ...]:
    """Return how the words of a transcript come from those of its reference, in order."""
    found = _jiwer().process_words(reference, written)
    said, wrote = found.references[0], found.hypotheses[0]
    return tuple(
        Run(
            FATES[chunk.type],
            " ".join(said[chunk.ref_start_idx : chunk.ref_end_idx]),
            " ".join(wrote[chunk.hyp_start_idx : chunk.hyp_end_idx]),
        )
        for chunk in found.alignments[0]
    )


def count_words(references: Sequence[str], written: Sequence[str]) -> Counts:
    """Count the wrong words of each transcript: replaced, deleted and inserted."""
    return _count(_jiwer().process_words, references, written)


def count_characters(references: Sequence[str], written: Sequence[str]) -> Counts:
    """Count the wrong characters of each transcript, blanks among them."""
    return _count(_jiwer().process_characters, references, written)


def _count(compare: Any, references: Sequence[str], written: Sequence[str]) -> Counts:
    errors, lengths = np.zeros(len(references)), np.zeros(len(references))
    for row, (said, wrote) in enumerate(zip(references, written, strict=True)):
        found = compare(said, wrote)
        errors[row] = found.substitutions + found.deletions + found.insertions
        lengths[row] = found.hits + found.substitutions + found.deletions
    return Counts(errors, lengths)


def word_accuracy(references: Sequence[str], written: Sequence[str]) -> float:
    """Return 1 - the word error rate, never below 0: higher is better, for choosing."""
    counts = count_words(references, written)
    return float(max(0.0, 1.0 - counts.errors.sum() / max(counts.lengths.sum(), 1.0)))


def measure_transcripts(
    references: Sequence[str], written: Sequence[str], resamples: Resamples
) -> dict[str, Figure]:
    """Return word accuracy, the word and character error rates and how many are right throughout.

    Word accuracy is the word error rate from the other end, and never below 0.
    """
    words = count_words(references, written)
    characters = count_characters(references, written)
    wer = rate_interval(_rates(words, resamples), resamples.groups)
    whole = np.array([words.errors == 0], np.float64) @ resamples.weights
    totals = np.maximum(resamples.weights.sum(0), 1)
    return {
        "word_accuracy": Figure(*(max(0.0, 1.0 - end) for end in (wer.value, wer.high, wer.low))),
        "wer": wer,
        "cer": rate_interval(_rates(characters, resamples), resamples.groups),
        "right_throughout": share_interval(whole[0] / totals, resamples.groups),
    }


def _rates(counts: Counts, resamples: Resamples) -> np.ndarray:
    """Return the error rate of the whole set, and then of each resample of its groups."""
    rates: np.ndarray = (counts.errors @ resamples.weights) / np.maximum(
        counts.lengths @ resamples.weights, 1.0
    )
    return rates


def rate_interval(draws: np.ndarray, support: int) -> Figure:
    """Return the interval of an error rate; `draws` holds the value and then its resamples.

    A low rate is a share of the words and has a share's interval, which leans away from 0. A high
    one has no upper end to lean away from, so its interval is symmetric; no spread is not taken
    for certainty.
    """
    value = float(draws[0])
    if value <= UPPER_HALF:
        return share_interval(draws, support)
    reach = Z * max(float(spread(draws[1:])), 1 / (support + 2))
    return Figure(value, max(0.0, value - reach), value + reach)
