"""What pretraining is worth: in labels that training from scratch would need for the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headstart.race.figures import Record, label_scale, rising, values_of
from headstart.race.plan import ALL, Count

SCRATCH = "scratch"
RESAMPLES = 1000


def worth(record: Record) -> list[dict[str, Any]]:
    """Return, for each strategy and number of labels, how many scratch needs to do as well.

    Scratch's mean curve, made never to fall, is read between its points over the logarithm of the
    number of labels. The interval comes of resampling seeds: what other draws would have said.
    `scratch_labels` None: scratch never got there.
    """
    names = [each["name"] for each in record["strategies"]]
    scale = label_scale(record)
    curve = {count: values_of(record, SCRATCH, count) for count in record["labels_per_class"]}
    curve = {count: found for count, found in curve.items() if found}
    if SCRATCH not in names or not curve:
        return []
    rows = []
    for strategy in names:
        for count in record["labels_per_class"] if strategy != SCRATCH else ():
            reached = values_of(record, strategy, count)
            seeds = sorted(set(reached).intersection(*curve.values()))
            if not seeds:
                continue
            table = np.array([[curve[each][seed] for each in curve] for seed in seeds])
            aims = np.array([reached[seed] for seed in seeds])
            labels = np.array([scale[each] for each in curve])
            at, low, high = _labels_for(labels, table, aims)
            row = {
                "strategy": strategy,
                "labels_per_class": count,
                "scratch_labels": at,
                "low": low,
                "high": high,
            }
            rows.append(row | {"sentence": _say_worth(row, scale, list(curve), len(seeds))})
    return rows


def _labels_for(
    labels: np.ndarray, table: np.ndarray, aims: np.ndarray
) -> tuple[float | None, float | None, float | None]:
    """Return how many labels the curves [seeds, labels] need for the aims, and the interval."""
    seeds, point = len(aims), crossing(labels, table.mean(0), float(aims.mean()))
    if seeds == 1:
        return _finite(point), None, None
    chance = np.random.default_rng(0)
    # Few draws vary less about their own mean than about the truth.
    wider = (seeds / (seeds - 1)) ** 0.5
    found = []
    for _ in range(RESAMPLES):
        rows = chance.integers(0, seeds, seeds)
        curve = table.mean(0) + wider * (table[rows].mean(0) - table.mean(0))
        aim = aims.mean() + wider * (aims[rows].mean() - aims.mean())
        found.append(crossing(labels, curve, float(aim)))
    low, high = np.quantile(found, (0.025, 0.975), method="nearest")
    return _finite(point), _finite(min(low, point)), _finite(max(high, point))


def crossing(labels: np.ndarray, values: Sequence[float] | np.ndarray, aim: float) -> float:
    """Return where a curve over labels first reaches an aim; infinity where it never does.

    A curve that begins above the aim reaches it at its first point.
    """
    curve = rising(list(values))
    if aim <= curve[0]:
        return float(labels[0])
    if aim > curve[-1]:
        return float("inf")
    above = int(np.argmax(curve >= aim))
    share = (aim - curve[above - 1]) / (curve[above] - curve[above - 1])
    logs = np.log(labels[above - 1 : above + 1])
    return float(np.exp(logs[0] + share * (logs[1] - logs[0])))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _say_worth(
    row: Mapping[str, Any], scale: Mapping[Count, float], tried: Sequence[Count], seeds: int
) -> str:
    strategy, count, at = row["strategy"], row["labels_per_class"], row["scratch_labels"]
    few, most = tried[0], tried[-1]
    begins = f"{strategy} {at_count(count, scale)}"
    if at is None:
        most_told = "with as many" if count == most else f"even {at_count(most, scale)}"
        told = f"{begins} does better than scratch {most_told}"
        if row["low"] is not None and seeds > 1:
            told += f"; with other draws scratch might get there from {about(row['low'])} on"
        return f"{_capital(told)}."
    if at <= scale[few] * 1.001:
        return f"{_capital(begins)} does no better than scratch {at_count(few, scale)}."
    told = f"{begins} equals scratch at about {about(at)}"
    if seeds > 1:
        high = about(row["high"]) if row["high"] is not None else "more than were tried"
        told += f" ({about(row['low'])} to {high})"
    return f"{_capital(told)}."


def at_count(count: Count, scale: Mapping[Count, float]) -> str:
    """Say at how many labels: `at 10 a class`, `with all labels (about 82 a class)`."""
    if count == ALL:
        return f"with all labels (about {about(scale[ALL])} a class)"
    return f"at {count:,} a class"


def about(labels: float) -> str:
    """Say a number that was read off a curve: no more digits than it is worth."""
    if labels < 10:
        return f"{labels:.0f}"
    power = 10 ** (len(str(int(labels))) - 2)
    return f"{round(labels / power) * power:,.0f}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def share(record: Record) -> list[dict[str, Any]]:
    """Return how much of the best that came of all the data each strategy reaches with less.

    The best of all strategies is the measure: who learns nothing from any number of labels would
    reach the whole of its own.
    """
    means = {(row["strategy"], row["labels_per_class"]): row for row in record["summary"]}
    wholes = [row for row in record["summary"] if row["labels_per_class"] == ALL]
    best = max(wholes, key=lambda row: row["value"], default=None)
    if best is None or best["value"] <= 0:
        return []
    rows = []
    for strategy in (each["name"] for each in record["strategies"]):
        for count in record["labels_per_class"]:
            part = means.get((strategy, count))
            if count == ALL or part is None:
                continue
            data = part["n_train"] / record["data"]["n_pool"]
            quality = part["value"] / best["value"]
            told = _percent(quality) if quality < 1 else "as much as"
            rows.append(
                {
                    "strategy": strategy,
                    "labels_per_class": count,
                    "share_of_data": data,
                    "share_of_quality": quality,
                    "sentence": f"With {_percent(data)} of the labels ({count:,} a class) "
                    f"{strategy} reaches {told}{' of' if quality < 1 else ''} the best that came "
                    f"of all of them ({best['strategy']}, {best['value']:.2f}).",
                }
            )
    return rows


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.095 else f"{100 * part:.1g} %"
