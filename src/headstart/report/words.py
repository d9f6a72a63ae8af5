"""The words and numbers that the report and the command line share: figures said to a person.

Everything here reads `evaluation.json` as it lies on disk, perhaps written by another version or
edited by hand, so what is missing or odd is left out and never an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from headstart.schema import Figure

TITLES: dict[str, tuple[str, str]] = {
    "accuracy": ("Accuracy", "how many answers are right"),
    "balanced_accuracy": ("Balanced accuracy", "right answers, every class counting the same"),
    "macro_f1": ("Macro F1", "precision and recall in one, every class counting the same"),
    "micro_f1": ("Micro F1", "precision and recall in one, every answer counting the same"),
    "weighted_f1": ("Weighted F1", "precision and recall in one, by class size"),
    "samples_f1": ("F1 by example", "precision and recall in one, averaged over examples"),
    "macro_precision": ("Macro precision", "how often a named class is right, over classes"),
    "macro_recall": ("Macro recall", "how much of a class is found, over classes"),
    "micro_precision": ("Micro precision", "how many of the given labels are right"),
    "micro_recall": ("Micro recall", "how many of the right labels are given"),
    "exact_match": ("Exact match", "examples that are right in full"),
    "subset_accuracy": ("Exact match", "examples with every label right"),
    "hamming_loss": ("Hamming loss", "share of wrong label decisions; lower is better"),
    "roc_auc": ("ROC AUC", "how well it ranks: 0.5 is chance, 1 is perfect"),
    "macro_roc_auc": ("ROC AUC", "how well it ranks: 0.5 is chance, 1 is perfect"),
    "average_precision": ("Average precision", "how well it ranks the rare above the common"),
    "macro_average_precision": ("Average precision", "how well it ranks the rare above the common"),
    "log_loss": ("Log loss", "the price of confident errors; lower is better"),
    "calibration_error": (
        "Calibration error",
        "how far its probabilities are from the truth; lower is better",
    ),
    "ece": ("Calibration error", "how far its probabilities are from the truth; lower is better"),
    "brier": ("Brier score", "squared error of the probabilities; lower is better"),
    "grade_error": ("Grades off", "by how many grades answers are off on average; lower is better"),
    "within_one_grade": ("Within one grade", "answers that are right or one grade off"),
    "answer_f1": ("Answer F1", "how many words answers have in common with the right ones"),
    "entity_f1": ("Entity F1", "things named with the right type, beginning and end"),
    "entity_precision": ("Entity precision", "how many of the things that it names are right"),
    "entity_recall": ("Entity recall", "how many of the things that are there it finds"),
    "word_accuracy": ("Word accuracy", "1 less the word error rate, and never below 0"),
    "wer": (
        "Word error rate",
        "words left out, added or replaced, over the words that were said; lower is better",
    ),
    "cer": ("Character error rate", "the same by characters; lower is better"),
    "right_throughout": ("Right throughout", "recordings without a wrong word"),
    "precision": ("Precision", "how often it is right when it names this class"),
    "recall": ("Recall", "how much of this class it finds"),
    "f1": ("F1", "precision and recall in one"),
}
REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible marks that make text read in another order than it is written, to deceive."""

UNBOUNDED = frozenset({"log_loss", "brier", "grade_error", "wer", "cer"})
THINGS = {"image": "pictures", "text": "texts", "audio": "recordings"}


def title(name: str) -> str:
    """Return what a figure is called, such as `Macro F1` for `macro_f1`."""
    return TITLES[name][0] if name in TITLES else name.replace("_", " ").capitalize()


def meaning(name: str) -> str:
    """Return what a figure means in a few words, or nothing when it is not a known one."""
    return TITLES[name][1] if name in TITLES else ""


def number(value: Any) -> float | None:
    """Return a finite number, or None for anything else (JSON's null for an undefined figure)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def figure(entry: Any) -> Figure | None:
    """Return a figure from its JSON record; one without an interval is its own interval."""
    if not isinstance(entry, Mapping):
        value = number(entry)
        return None if value is None else Figure(value, value, value)
    value = number(entry.get("value"))
    if value is None:
        return None
    low, high = number(entry.get("low")), number(entry.get("high"))
    return Figure(value, value if low is None else low, value if high is None else high)


def figures(record: Any) -> dict[str, Figure]:
    """Return all figures of a record such as `evaluation["test"]`, in its order."""
    found = {}
    for name, entry in mapping(record).items():
        known = figure(entry) if isinstance(entry, Mapping) else None
        if known is not None:
            found[str(name)] = known
    return found


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping, empty when the value is not one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> Sequence[Any]:
    """Return a sequence, empty when the value is not one; a string is not one."""
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def whole(value: Any) -> int | None:
    """Return a count, or None when the value is not one; a count may be written as a figure."""
    known = number(value.get("value") if isinstance(value, Mapping) else value)
    return None if known is None or known < 0 else int(known)


def pictured(evaluation: Mapping[str, Any]) -> list[str]:
    """Return the names of what a report may show: mistakes, and patches that excite stages."""
    mistakes = sequence(evaluation.get("mistakes"))
    found = [str(mapping(entry).get("name") or "") for entry in mistakes]
    for stage in map(mapping, sequence(mapping(evaluation.get("stages")).get("patches"))):
        for channel in map(mapping, sequence(stage.get("channels"))):
            found += several(channel.get("patches"))
    return found


def things(evaluation: Mapping[str, Any], count: int = 2) -> str:
    """Return what the examples are called: pictures, texts, recordings, else examples."""
    plural = THINGS.get(str(evaluation.get("modality")), "examples")
    return plural[:-1] if count == 1 else plural


def in_hundred(share: float) -> str:
    """Return a share as `87` (in 100); near the ends, where it matters, with one decimal."""
    hundred = share * 100
    if 0 < hundred < 1 or 99 < hundred < 100:
        return f"{min(max(hundred, 0.1), 99.9):.1f}"
    return f"{hundred:.0f}"


def decimals(value: float) -> str:
    """Return a figure with three decimals, as tables show it."""
    return f"{value:.3f}"


def several(names: Any) -> list[str]:
    """Return labels as a list, whether there is one or several of them."""
    if isinstance(names, str):
        return [names]
    if isinstance(names, Sequence):
        return [str(name) for name in names]
    return [] if names is None else [str(names)]
