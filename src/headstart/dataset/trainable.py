"""The record that reading ends in, and what it must hold before anything can be learnt from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from headstart.asked import Answers, Tags
from headstart.errors import DataError
from headstart.schema import Sample, Unreadable

MOST_LABELS = 10_000
FEW_ROWS = 40
SHOWN = 5


@dataclass(frozen=True)
class Dataset:
    """What was read: samples, the person's own held-out part, and all that was decided on the way.

    `test` is None when the person has set nothing apart. `set_aside` lists what could not be used,
    each with its reason. `notes` say aloud what was guessed or left out, one sentence each. Targets
    are text; with several labels per example (`multi`) they are sorted tuples of text.
    """

    samples: tuple[Sample, ...]
    test: tuple[Sample, ...] | None = None
    set_aside: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()
    labelled: bool = True
    multi: bool = False
    kind: Literal["folder", "table", "pairs"] = "folder"


def require_trainable(samples: Sequence[Sample], *, multi: bool = False) -> None:
    """Refuse samples that no classifier can be learnt from, and say what is needed.

    Two classes at least, two examples of each at least, and labels that are classes rather than
    names or measurements. Call it again after unreadable inputs have been set aside.
    """
    if not samples:
        raise DataError(
            "No usable example was found.",
            "Each example needs a file that can be read and a label.",
        )
    if isinstance(samples[0].target, Tags | Answers):
        return  # what the task asks of them, it says itself
    counts = _count(sample.target for sample in samples)
    _refuse_identifiers(counts, len(samples), multi)
    if multi:
        _require_labels_that_vary(counts, len(samples))
    elif len(counts) == 1:
        raise DataError(
            f"All {len(samples)} examples are of one class, '{next(iter(counts))}'; "
            "two classes are needed at least.",
            "Add examples of what it is not, or point at the folder whose sub-folders are the "
            "classes.",
        )
    alone = sorted(label for label, count in counts.items() if count < 2)
    if alone:
        raise DataError(
            f"Only one example has the label {quote_some(alone)}."
            if len(alone) == 1
            else f"{len(alone)} labels have only one example each: {quote_some(alone)}.",
            "Two examples of each are needed at least, and ten or more are better: add some, or "
            "take the label out of the data.",
        )


def quote_some(names: Sequence[str]) -> str:
    """Return the first few names in quotes, and how many more there are."""
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    more = len(names) - SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _count(targets: Iterable[Any]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for target in targets:
        if isinstance(target, tuple):
            counts.update(target)
        else:
            counts[str(target)] += 1
    return counts


def _refuse_identifiers(counts: Counter[str], total: int, multi: bool) -> None:
    nearly_all_differ = not multi and total >= FEW_ROWS and len(counts) > total / 2
    if len(counts) <= MOST_LABELS and not nearly_all_differ:
        return
    like = "measurements" if all(_is_number(label) for label in counts) else "names or ids"
    raise DataError(
        f"There are {len(counts):,} different labels in {total:,} examples "
        f"({quote_some(list(counts)[:3])}, ...): these look like {like}, not classes.",
        "Choose the column that holds the class; to predict a number, cut it into a few ranges "
        f"first (at most {MOST_LABELS:,} classes, several examples of each).",
    )


def _require_labels_that_vary(counts: Counter[str], total: int) -> None:
    if not counts:
        raise DataError(
            f"None of the {total} examples has a label.",
            "With several labels per example each label must apply to two examples at least.",
        )
    if len(counts) == 1 and next(iter(counts.values())) == total:
        raise DataError(
            f"All {total} examples have the one label '{next(iter(counts))}'.",
            "Add examples without it, or examples with other labels.",
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
