"""The two meters: how far the data is from what the backbone knew, and what training took of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.names import clean, sentence
from headstart.report.plots import count_bar
from headstart.report.words import decimals, figure, in_hundred, mapping, number, sequence

BY = {
    "readings": "readings that its pretraining gave",
    "norms": "statistics that its BatchNorm layers keep",
}


def domain(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what to show of how far the data is; None when nothing was measured."""
    known = mapping(evaluation.get("domain"))
    if not known.get("advice"):
        return None
    distance = number(known.get("distance"))
    return {
        "advice": sentence(known["advice"]),
        "distance": "" if distance is None else decimals(distance),
        "by": BY.get(str(known.get("by")), ""),
        "stages": _stages(known, "distance"),
    }


def forgetting(evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what to show of what was forgotten; None when nothing was measured."""
    known = mapping(evaluation.get("forgetting"))
    if not known.get("says"):
        return None
    skill, words = mapping(known.get("skill")), mapping(known.get("words"))
    return {
        "says": sentence(known["says"]),
        "reference": clean(known.get("reference") or ""),
        "rows": [
            (
                words,
                f"{in_hundred(value.value)} %",
                _spread(value),
                count_bar(min(value.value, 1.0), 1.0),
            )
            for words, value in (
                ("answered as before", figure(known.get("agreement"))),
                ("kept of what tells inputs apart", figure(known.get("kept"))),
                ("right by what was read before", figure(skill.get("before"))),
                ("right by what is read now", figure(skill.get("after"))),
                ("words wrong as the checkpoint came", figure(words.get("before"))),
                ("words wrong now", figure(words.get("after"))),
            )
            if value
        ],
        "stages": _stages(known, "cka"),
    }


def _spread(value: Any) -> str:
    return f"{in_hundred(value.low)} to {in_hundred(value.high)} %"


def _stages(known: Mapping[str, Any], what: str) -> list[tuple[str, str, Any]]:
    """Return each stage's name, number and bar."""
    found = [
        (clean(entry.get("stage") or ""), number(entry.get(what)))
        for entry in map(mapping, sequence(known.get("stages")))
    ]
    return [
        (name, f"{value:.2f}", count_bar(min(max(value, 0.0), 1.0), 1.0))
        for name, value in found
        if value is not None
    ]
