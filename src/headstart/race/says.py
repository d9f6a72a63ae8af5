"""What a race says in words: pure functions of its record, so that each can be checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.race.figures import Record, label_scale
from headstart.race.forecast import forecast
from headstart.race.plan import Count
from headstart.race.worth import SCRATCH, at_count, share, worth
from headstart.report.words import title

Row = Mapping[str, Any]


def say(record: Record) -> dict[str, Any]:
    """Return all that a race says; `record` holds everything else already."""
    worths = worth(record)
    return {
        "verdict": verdict(record, worths),
        "worth": worths,
        "share": share(record),
        "deeper": deeper(record),
        "next": forecast(record),
    }


def verdict(record: Record, worths: Sequence[Row]) -> str:
    """Say whether the pretrained backbone helps, with the fewest labels and with all of them."""
    counts = record["labels_per_class"]
    names = [each["name"] for each in record["strategies"]]
    told = [_compare(record, counts[0], worths)]
    if len(counts) > 1:
        told.append(_compare(record, counts[-1], ()))
    if len(names) == 1:
        told.append("Nothing else was raced, so nothing is said of what helps.")
    return " ".join(told)


def _compare(record: Record, count: Count, worths: Sequence[Row]) -> str:
    """Say who is best at a number of labels, and how far from scratch."""
    scale, measure = label_scale(record), _measure(record)
    rows = [row for row in record["summary"] if row["labels_per_class"] == count]
    own = next((row for row in rows if row["strategy"] == SCRATCH), None)
    others = [row for row in rows if row["strategy"] != SCRATCH]
    if own is None or not others:
        best = max(rows, key=lambda row: row["value"])
        return f"{_with(count, scale)} {best['strategy']} reaches {measure} {best['value']:.2f}."
    best = max(others, key=lambda row: row["value"])
    pair = _paired(record, best["strategy"], SCRATCH, count)
    both = (
        f"{_with(count, scale)} {best['strategy']} reaches {measure} {best['value']:.2f} and the "
        f"same net from scratch {own['value']:.2f}"
    )
    if pair is None:
        return f"{both}."
    gap = f"({signed(pair)})"
    if pair["low"] > 0:
        told = f"{both} {gap}: the pretrained backbone surely helps"
        row = next(
            (
                each
                for each in worths
                if (each["strategy"], each["labels_per_class"]) == (best["strategy"], count)
            ),
            None,
        )
        if row is not None:
            most = at_count(record["labels_per_class"][-1], scale)
            told += (
                f", and scratch does not get there even {most}"
                if row["scratch_labels"] is None
                else f"; scratch needs about {round(row['scratch_labels']):,} a class for that"
            )
        return f"{told}."
    if pair["high"] < 0:
        return f"{both} {gap}: here training from scratch surely does better."
    return f"{both} {gap}: no sure difference."


def deeper(record: Record) -> dict[str, Any]:
    """Say whether training stages beats the frozen backbone, and from how many labels on.

    It helps from a number of labels on when it surely does there and at all larger ones.
    """
    counts, scale = record["labels_per_class"], label_scale(record)
    frozen = next((s["name"] for s in record["strategies"] if s["frozen"] == "all"), None)
    moved = [
        each["name"]
        for each in record["strategies"]
        if each["frozen"] != "all" and each["name"] != SCRATCH
    ]
    if frozen is None or not moved:
        lacking = "a strategy that trains stages" if frozen else "the frozen backbone"
        return {"helps_from": None, "sentence": f"Not asked: {lacking} was not raced."}
    found = {name: [_paired(record, name, frozen, count) for count in counts] for name in moved}
    starts = {name: _helps_from(rows, counts) for name, rows in found.items()}
    able = [name for name in moved if starts[name] is not None]
    seeds = "" if len(record["seeds"]) > 1 else " One draw only: another may say otherwise."
    if able:
        name = min(able, key=lambda each: counts.index(starts[each]))
        start = starts[name]
        pair = _paired(record, name, frozen, start)
        onward = "" if start == counts[-1] else " and with every larger number"
        told = f"{_with(start, scale)}{onward}, {name} surely beats {frozen} ({signed(pair)})."
        return {"helps_from": start, "sentence": told + _harm(found[name], scale) + seeds}
    told = f"Training stages did not surely beat {frozen} with all that was tried"
    rows = [row for each in found.values() for row in each if row is not None]
    if rows:
        best = max(rows, key=lambda row: row["value"])
        told += (
            f"; {best['strategy']} came nearest, {at_count(best['labels_per_class'], scale)} "
            f"({signed(best)})"
        )
    harm = _harm([row for row in rows if row["high"] < 0], scale)
    return {"helps_from": None, "sentence": f"{told}.{harm}{seeds}"}


def _helps_from(rows: Sequence[Row | None], counts: Sequence[Count]) -> Count | None:
    start = None
    for row, count in zip(reversed(rows), reversed(counts), strict=True):
        if row is None or row["low"] <= 0:
            break
        start = count
    return start


def _harm(rows: Sequence[Row | None], scale: Mapping[Count, float]) -> str:
    worse = [row for row in rows if row is not None and row["high"] < 0]
    if not worse:
        return ""
    row = min(worse, key=lambda each: each["value"])
    place = at_count(row["labels_per_class"], scale)
    return f" {row['strategy']} surely does worse {place} ({signed(row)})."


def _paired(record: Record, strategy: str, against: str, count: Any) -> Row | None:
    return next(
        (
            row
            for row in record.get("paired", ())
            if (row["strategy"], row["against"], row["labels_per_class"])
            == (strategy, against, count)
        ),
        None,
    )


def _measure(record: Record) -> str:
    name = title(record["headline"])
    return name[0].lower() + name[1:]


def _with(count: Any, scale: Mapping[Count, float]) -> str:
    told = at_count(count, scale)
    return told[0].upper() + told[1:]


def signed(pair: Row | None) -> str:
    """Say a difference with its interval: `+0.034, +0.011 to +0.057`."""
    if pair is None:
        return "not compared"
    return f"{pair['value']:+.3f}, {pair['low']:+.3f} to {pair['high']:+.3f}"
