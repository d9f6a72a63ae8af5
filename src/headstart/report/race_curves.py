"""The curves of a race, from its runs: what both the page and the figures for a paper draw.

Nothing here is drawn. Like all of the report it reads a record as it lies on disk, perhaps edited
by hand: what is missing or odd is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from headstart.report.names import clean
from headstart.report.words import figure, mapping, number, sequence, whole
from headstart.schema import Figure

ALL = "all"
CLEAR = 1.15
"""All labels stand at least this factor beyond the largest number of them."""
MOST_MOMENTS = 40
"""Between how many moments a mean by seconds is drawn."""

Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Draw:
    """One number of labels a class. `place` is where it stands on the axis, `n` how many in all.

    All labels stand as far right of the largest number as they are more than its labels.
    """

    key: str
    place: float
    n: float


@dataclass(frozen=True)
class Moment:
    """One point of a run while it trained; `step` counts epochs through all of its phases."""

    step: float
    seconds: float
    value: float
    phase: str
    epoch: int


@dataclass(frozen=True)
class Run:
    """One run: how it came out, and its way there."""

    name: str
    strategy: str
    draw: str
    n: int
    seed: str
    test: Figure
    seconds: float | None
    stopped: str
    moments: list[Moment] = field(default_factory=list)
    other: Mapping[str, Figure] = field(default_factory=dict)


def draws(record: Mapping[str, Any]) -> list[Draw]:
    """Return the numbers of labels a class, smallest first; all of them come last."""
    keys = [str(each) for each in sequence(record.get("labels_per_class"))]
    counts = sorted({int(key) for key in keys if key.isdecimal() and int(key) > 0})
    sizes: dict[str, list[int]] = {}
    for entry in (*sequence(record.get("runs")), *sequence(record.get("baselines"))):
        known = mapping(entry)
        if size := whole(known.get("n_train")):
            sizes.setdefault(str(known.get("labels_per_class")), []).append(size)
    mean = {key: sum(each) / len(each) for key, each in sizes.items()}
    found = [Draw(str(each), float(each), mean.get(str(each), 0.0)) for each in counts]
    if ALL in keys:
        n = mean.get(ALL, 0.0)
        largest = found[-1] if found else None
        ratio = n / largest.n if largest and largest.n else 1.0
        place = max(n, 1.0)
        if largest is not None:
            place = largest.place * max(ratio, CLEAR)
        found.append(Draw(ALL, place, n))
    return found


def runs_of(record: Mapping[str, Any]) -> list[Run]:
    """Return the runs that came to an end, in the order of the record."""
    headline = str(record.get("headline"))
    found = []
    for entry in map(mapping, sequence(record.get("runs"))):
        test = {
            str(name): known
            for name, each in mapping(entry.get("test")).items()
            if (known := figure(each)) is not None
        }
        if headline not in test:
            continue
        found.append(
            Run(
                clean(entry.get("id") or "?"),
                str(entry.get("strategy")),
                str(entry.get("labels_per_class")),
                whole(entry.get("n_train")) or 0,
                clean(entry.get("seed")),
                test[headline],
                number(entry.get("seconds")),
                clean(entry.get("stopped") or ""),
                _moments(entry),
                {name: known for name, known in test.items() if name != headline},
            )
        )
    return found


def _moments(entry: Mapping[str, Any]) -> list[Moment]:
    """Return a run's points; epochs of a later phase count on from where the one before ended."""
    found: list[Moment] = []
    before, last, phase = 0.0, 0.0, ""
    for point in map(mapping, sequence(entry.get("curve"))):
        epoch, seconds = number(point.get("epoch")), number(point.get("seconds"))
        value = number(point.get("value"))
        if epoch is None or seconds is None or value is None:
            continue
        named = clean(point.get("phase") or "")
        if named != phase:
            before, phase = last, named
        last = before + epoch
        found.append(Moment(last, seconds, value, named, int(epoch)))
    return found


def mean_by_step(runs: Sequence[Run]) -> Line:
    """Return the mean over runs, epoch by epoch; a run that has ended keeps its last value."""
    paths = [[(each.step, each.value) for each in run.moments] for run in runs if run.moments]
    if not paths:
        return []
    steps = sorted({step for path in paths for step, _ in path})
    first = max(path[0][0] for path in paths)
    return [(step, _mean_at(paths, step)) for step in steps if step >= first]


def mean_by_seconds(runs: Sequence[Run]) -> Line:
    """Return the mean over runs by the clock, from when all of them have a value."""
    paths = [[(each.seconds, each.value) for each in run.moments] for run in runs if run.moments]
    if not paths:
        return []
    first, last = max(path[0][0] for path in paths), max(path[-1][0] for path in paths)
    if last <= first:
        return [(first, _mean_at(paths, first))]
    longest = max(len(path) for path in paths)
    count = min(longest, MOST_MOMENTS)
    moments = [first + (last - first) * at / max(count - 1, 1) for at in range(count)]
    return [(moment, _mean_at(paths, moment)) for moment in moments]


def _mean_at(paths: Sequence[Line], place: float) -> float:
    return sum(_value_at(path, place) for path in paths) / len(paths)


def _value_at(path: Line, place: float) -> float:
    """Return a path's value at a place, straight between its points and level outside them."""
    if place <= path[0][0]:
        return path[0][1]
    for (left, low), (right, high) in pairwise(path):
        if place <= right:
            return low + (high - low) * (place - left) / (right - left) if right > left else high
    return path[-1][1]


def summaries(record: Mapping[str, Any]) -> dict[tuple[str, str], tuple[Figure, bool]]:
    """Return the mean of each strategy at each number of labels, and whether it has a band."""
    found = {}
    for entry in map(mapping, sequence(record.get("summary"))):
        known = figure(entry)
        if known is not None:
            band = number(entry.get("low")) is not None and number(entry.get("high")) is not None
            key = str(entry.get("strategy")), str(entry.get("labels_per_class"))
            found[key] = (known, band)
    return found


def baselines_of(record: Mapping[str, Any]) -> dict[str, list[Run]]:
    """Return the plain baselines by name, as runs that took no training."""
    found: dict[str, list[Run]] = {}
    headline = str(record.get("headline"))
    for entry in map(mapping, sequence(record.get("baselines"))):
        known = figure(mapping(entry.get("test")).get(headline))
        if known is not None:
            name = clean(entry.get("name") or "baseline")
            draw, n = str(entry.get("labels_per_class")), whole(entry.get("n_train")) or 0
            run = Run(name, name, draw, n, clean(entry.get("seed")), known, None, "")
            found.setdefault(name, []).append(run)
    return found


def baseline_means(runs: Sequence[Run], found: Sequence[Draw]) -> list[tuple[Draw, float]]:
    """Return a baseline's mean at each number of labels; what was asked once is level."""
    if len(runs) == 1:
        return [(draw, runs[0].test.value) for draw in found]
    by_draw = [(draw, [run for run in runs if run.draw == draw.key]) for draw in found]
    return [(draw, mean_of(own)) for draw, own in by_draw if own]


def mean_of(runs: Sequence[Run]) -> float:
    """Return the mean headline of some runs."""
    return sum(run.test.value for run in runs) / len(runs)


def span(record: Mapping[str, Any]) -> tuple[float, float]:
    """Return the lowest and highest value that the pictures show, widened to whole tenths."""
    values = [each.value for run in runs_of(record) for each in run.moments]
    values += [run.test.value for run in runs_of(record)]
    values += [run.test.value for runs in baselines_of(record).values() for run in runs]
    values += [
        end for known, band in summaries(record).values() if band for end in (known.low, known.high)
    ]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low >= 0 and high <= 1:
        return max(0.0, int(low * 10) / 10), min(1.0, (int(high * 10) + 1) / 10)
    return low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1)
