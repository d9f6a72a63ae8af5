"""The numbers behind the words: means and bands over seeds, and differences on paired draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headstart.metrics.intervals import Z
from headstart.race.plan import ALL, Count

T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179)
"""Two-sided 95 % of Student's distribution with 1, 2, … degrees of freedom."""

Record = Mapping[str, Any]


def student(freedom: int) -> float:
    """Return how many standard errors a 95 % interval reaches, so few being known."""
    if freedom <= len(T):
        return T[freedom - 1]
    return Z * (1 + (Z * Z + 1) / (4 * freedom))


def value_of(answer: Record, headline: str) -> float:
    """Return the headline of a run or baseline."""
    return float(answer["test"][headline]["value"])


def values_of(record: Record, strategy: str, count: Count) -> dict[int, float]:
    """Return a strategy's headline at a number of labels, by seed."""
    return {
        run["seed"]: value_of(run, record["headline"])
        for run in record["runs"]
        if run["strategy"] == strategy and run["labels_per_class"] == count
    }


def summarise(record: Record) -> list[dict[str, Any]]:
    """Return each strategy's mean at each number of labels, with a band over seeds.

    The band is the 95 % interval of the mean over draws, by Student, on the one test that all of
    them answer. One seed has none.
    """
    rows = []
    for strategy in (each["name"] for each in record["strategies"]):
        for count in record["labels_per_class"]:
            found = values_of(record, strategy, count)
            if not found:
                continue
            values = np.array(list(found.values()))
            sizes = [
                run["n_train"]
                for run in record["runs"]
                if run["strategy"] == strategy and run["labels_per_class"] == count
            ]
            reach = None
            if len(values) > 1:
                reach = student(len(values) - 1) * float(values.std(ddof=1)) / len(values) ** 0.5
            mean = float(values.mean())
            rows.append(
                {
                    "strategy": strategy,
                    "labels_per_class": count,
                    "n_train": float(np.mean(sizes)),
                    "value": mean,
                    "low": None if reach is None else max(0.0, mean - reach),
                    "high": None if reach is None else min(1.0, mean + reach),
                    "seeds": len(values),
                }
            )
    return rows


def compare(record: Record, strategy: str, against: str, groups: int) -> list[dict[str, Any]]:
    """Return how much higher a strategy's headline is than another's, at each number of labels.

    Runs are paired by seed, so both learnt from the same examples, and by the test that they
    answer. The interval holds what another draw and what another test would change: the error over
    seeds, by Student, beside the error over resamples of the test, which `draws` of the runs hold.
    """
    runs = {(r["strategy"], r["labels_per_class"], r["seed"]): r for r in record["runs"]}
    found = []
    for count in record["labels_per_class"]:
        pairs = [
            (runs[strategy, count, seed]["draws"], runs[against, count, seed]["draws"])
            for seed in record["seeds"]
            if (strategy, count, seed) in runs and (against, count, seed) in runs
        ]
        if not pairs:
            continue
        differences = np.array([np.subtract(one, other) for one, other in pairs])
        mean = differences.mean(0)
        over_tests = Z * max(float(mean[1:].std(ddof=1)), 1 / (groups + 2))
        over_draws = 0.0
        if len(pairs) > 1:
            spread = float(differences[:, 0].std(ddof=1))
            over_draws = student(len(pairs) - 1) * spread / len(pairs) ** 0.5
        reach = float(np.hypot(over_tests, over_draws))
        found.append(
            {
                "strategy": strategy,
                "against": against,
                "labels_per_class": count,
                "value": float(mean[0]),
                "low": max(-1.0, float(mean[0] - reach)),
                "high": min(1.0, float(mean[0] + reach)),
                "seeds": len(pairs),
            }
        )
    return found


def label_scale(record: Record) -> dict[Count, float]:
    """Return how many labels a class each number of labels comes to, `all` among them.

    Classes differ in size, so `all` is told by how much larger it is than the largest draw.
    """
    sizes: dict[Count, float] = {}
    for count in record["labels_per_class"]:
        found = [run["n_train"] for run in record["runs"] if run["labels_per_class"] == count]
        if found:
            sizes[count] = float(np.mean(found))
    numbers = [count for count in sizes if count != ALL]
    scale: dict[Count, float] = {count: float(count) for count in numbers}
    if ALL in sizes:
        last = max(numbers, key=float, default=None)
        share = 1 / len(record["data"]["labels"]) if last is None else float(last) / sizes[last]
        scale[ALL] = sizes[ALL] * share
    return scale


def rising(values: Sequence[float]) -> np.ndarray:
    """Return the values nearest to these that never fall: neighbours that do are averaged."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, weight = blocks.pop()
            before, many = blocks[-1]
            blocks[-1] = [(before * many + mean * weight) / (many + weight), many + weight]
    return np.concatenate([np.full(int(weight), mean) for mean, weight in blocks])
