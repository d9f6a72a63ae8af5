"""What each stage of the backbone sees: how far it goes alone, and what excites it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.names import clean, name, sentence
from headstart.report.pictures import address, mark
from headstart.report.plots import interval
from headstart.report.words import (
    decimals,
    figure,
    mapping,
    number,
    sequence,
    several,
    title,
    whole,
)


def stages(
    evaluation: Mapping[str, Any], pictures: Mapping[str, Mapping[str, str]]
) -> dict[str, Any] | None:
    """Return what to show of the stages; None when nothing was measured."""
    known = mapping(evaluation.get("stages"))
    if not known.get("says"):
        return None
    headline = str(known.get("headline"))
    guess = figure(mapping(evaluation.get("baseline")).get(headline))
    scored = [
        (clean(entry.get("stage") or ""), value)
        for entry in map(mapping, sequence(known.get("scores")))
        if (value := figure(entry))
    ]
    ends = [end for _, value in scored for end in (value.low, value.high)]
    if guess is not None:
        ends.append(guess.value)
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = max((high - low) * 0.05, 0.01)
    return {
        "says": sentence(known["says"]),
        "headline": title(headline),
        "n": whole(known.get("n")) or 0,
        "guess": guess is not None,
        "rows": [
            {
                "stage": stage,
                "value": decimals(value.value),
                "spread": f"{decimals(value.low)} to {decimals(value.high)}",
                "plot": interval(
                    value,
                    start=low - room,
                    end=high + room,
                    mark=None if guess is None else guess.value,
                ),
            }
            for stage, value in scored
        ],
        "patches": [
            shown
            for entry in map(mapping, sequence(known.get("patches")))
            if (shown := _patches(entry, pictures))["channels"]
        ],
    }


def _patches(entry: Mapping[str, Any], pictures: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    pixels = number(entry.get("pixels"))
    channels = []
    for channel in map(mapping, sequence(entry.get("channels"))):
        parts = [
            {"picture": found, "mark": mark(part), "alt": clean(part)}
            for part in several(channel.get("patches"))
            if (found := address(pictures.get(part)))
        ]
        if parts:
            channels.append({"label": name(channel.get("label") or ""), "parts": parts})
    return {
        "stage": clean(entry.get("stage") or ""),
        "pixels": "" if pixels is None else f"{pixels:.0f}",
        "channels": channels,
    }
