"""What more labels would bring: a learning curve through what was run, and how far to trust it.

The headline is taken to follow `c - a n^-b`: it nears a ceiling c as a power of the number of
examples. A few points fit many such curves, so all of a grid are kept, each weighed by how well it
fits, and what they say together is the forecast: its interval is wide where ceilings differ. How
far a mean lies from its curve is estimated from how draws differ, which with few seeds leans on how
they usually do. The forecast is checked on the race's own points: the largest numbers of labels are
hidden, and predicted from those below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.race.figures import Record, values_of
from headstart.race.plan import ALL, Count

MORE = 100
"""Labels that the forecast adds, over all classes."""

LEAST_POINTS = 3
SHARE = 0.9
"""How often an interval is meant to hold what comes."""

POWERS = np.geomspace(0.15, 1.5, 25)
CEILINGS = np.linspace(0, 1, 31)
"""Where the ceiling lies between the best that was seen and a perfect score."""

LOWEST = 0.02
"""How likely a ceiling at the best that was seen is, beside one at a perfect score."""

BENT = 0.03
"""How far curves that are no powers leave one, as a share of the error, by e-fold of examples."""

DRAWN, TESTED = 0.3, 0.25
"""How draws usually differ: their variance as a share of v (1 - v), by the example learnt from and
by the example tested on. Measured on the sets of benchmarks/forecast.py."""

USUAL = 4.0
"""How many degrees of freedom that usual variance counts for beside what was seen."""

SAMPLES = 4000


@dataclass(frozen=True)
class Points:
    """A learning curve as it was measured: at each size the mean of so many draws."""

    sizes: np.ndarray
    values: np.ndarray
    variances: np.ndarray
    draws: np.ndarray
    tested: int

    def first(self, count: int) -> Points:
        """Return the curve as it was with only its first points."""
        return Points(
            self.sizes[:count],
            self.values[:count],
            self.variances[:count],
            self.draws[:count],
            self.tested,
        )


def usual_variance(value: Any, size: Any, tested: int) -> Any:
    """Return how much one draw's headline usually varies."""
    inner = np.clip(value * (1 - value), 0.02, None)
    return inner * (DRAWN / size + TESTED / tested)


class Curves:
    """All curves that might have given some points, each with its weight."""

    def __init__(self, points: Points) -> None:
        self.points = points
        usual = usual_variance(points.values, points.sizes, points.tested)
        freedom = points.draws - 1
        self.freedom = USUAL + float(freedom.sum())
        seen = float((freedom * points.variances / usual).sum())
        self.scale = (USUAL + seen) / self.freedom
        trust = points.draws / (self.scale * usual)
        best = float(np.max(points.values))
        power, share = (grid.ravel() for grid in np.meshgrid(POWERS, CEILINGS))
        self.power, ceiling = power, best + share * max(1 - best, 0.0)
        fall = points.sizes[None] ** -power[:, None]
        norm = (trust * fall**2).sum(1)
        below = trust * fall * (ceiling[:, None] - points.values)
        self.height = np.clip(below.sum(1) / norm, 0, None)
        self.doubt = norm**-0.5
        self.ceiling = ceiling
        misses = points.values - (ceiling[:, None] - self.height[:, None] * fall)
        square = (trust * misses**2).sum(1)
        # Student's, because the variance is itself an estimate.
        logs = -0.5 * (self.freedom + len(points.values)) * np.log1p(square / self.freedom)
        logs -= 0.5 * np.log(norm)
        # Beforehand a ceiling is the likelier the higher it is: few curves end where they were
        # last seen.
        weight = np.exp(logs - logs.max()) * (share + LOWEST)
        self.weight = weight / weight.sum()

    def draw(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return powers, heights and ceilings of curves drawn by weight, always the same."""
        chance = np.random.default_rng(0)
        rows = chance.choice(len(self.weight), SAMPLES, p=self.weight)
        height = self.height[rows] + chance.normal(size=SAMPLES) * self.doubt[rows]
        return self.power[rows], np.clip(height, 0, None), self.ceiling[rows]

    def at(self, size: float, draws: int) -> tuple[float, float, float]:
        """Return what the mean of so many draws of a size would be, with its interval."""
        power, height, ceiling = self.draw()
        values = ceiling - height * size**-power
        middle = float(np.median(values))
        usual = usual_variance(middle, size, self.points.tested)
        bent = BENT * (1 - middle) * np.log(size / self.points.sizes[-1])
        noise = np.random.default_rng(1).standard_t(self.freedom, SAMPLES)
        return _interval(values + noise * (self.scale * usual / draws + bent**2) ** 0.5, middle)

    def gain(self, size: float, more: int) -> tuple[float, float, float]:
        """Return how much higher the curve itself is so many examples further on."""
        power, height, _ = self.draw()
        gains = height * (size**-power - (size + more) ** -power)
        return _interval(gains, float(np.median(gains)))


def _interval(values: np.ndarray, middle: float) -> tuple[float, float, float]:
    low, high = np.quantile(values, ((1 - SHARE) / 2, (1 + SHARE) / 2))
    return middle, float(low), float(high)


def points_of(record: Record, strategy: str) -> tuple[Points, list[Count]]:
    """Return a strategy's learning curve, and the number of labels of each of its points."""
    rows, counts = [], []
    for count in record["labels_per_class"]:
        found = list(values_of(record, strategy, count).values())
        if not found:
            continue
        learnt = [
            run["n_train"]
            for run in record["runs"]
            if (run["strategy"], run["labels_per_class"]) == (strategy, count)
        ]
        # All the labels are one draw, however many seeds learnt from it.
        drawn = 1 if count == ALL else len(found)
        variance = float(np.var(found, ddof=1)) if drawn > 1 else 0.0
        rows.append((float(np.mean(learnt)), float(np.mean(found)), variance, drawn))
        counts.append(count)
    sizes, values, variances, draws = np.array(rows).reshape(len(rows), 4).T
    tested = int(record["data"]["n_test"])
    return Points(sizes, values, variances, draws, tested), counts


def check(points: Points) -> list[tuple[int, bool]]:
    """Hide the largest sizes one after another, predict each; return which, and whether it held."""
    found = []
    for known in range(len(points.sizes) - 1, LEAST_POINTS - 1, -1):
        curves = Curves(points.first(known))
        for at in range(known, len(points.sizes)):
            _, low, high = curves.at(float(points.sizes[at]), int(points.draws[at]))
            found.append((at, bool(low <= points.values[at] <= high)))
    return found


def forecast(record: Record) -> dict[str, Any]:
    """Return what the next 100 labels would bring the strategy that does best with the most."""
    last = record["labels_per_class"][-1]
    rows = [row for row in record["summary"] if row["labels_per_class"] == last]
    strategy = max(rows, key=lambda row: row["value"])["strategy"]
    points, counts = points_of(record, strategy)
    found: dict[str, Any] = {"strategy": strategy, "labels": MORE}
    if len(counts) < LEAST_POINTS:
        none = {"gain": None, "low": None, "high": None}
        told = (
            f"What more labels would bring is not forecast: {len(counts)} numbers of labels were "
            f"raced, and a curve takes {LEAST_POINTS}."
        )
        checked = {"hidden": [], "held": 0, "of": 0, "sentence": "Nothing to check."}
        return found | none | {"sentence": told, "checked": checked}
    gain, low, high = Curves(points).gain(float(points.sizes[-1]), MORE)
    tries = check(points)
    hidden = [counts[at] for at in sorted({at for at, _ in tries})]
    held = sum(good for _, good in tries)
    told = (
        f"The next {MORE} labels would bring {strategy} about {gain:+.3f} "
        f"(90 % interval {low:+.3f} to {high:+.3f})."
    )
    if tries and held < len(tries) / 2:
        told += " Its own check went badly, so this is hardly more than a guess."
    listed = ", ".join("all" if count == ALL else f"{count:,} a class" for count in hidden)
    said = (
        f"With the largest draws hidden ({listed}) and predicted from the smaller ones, the 90 % "
        f"interval held {held} of {len(tries)}."
        if tries
        else "Too few numbers of labels were raced to hide some and predict them."
    )
    checked = {"hidden": hidden, "held": held, "of": len(tries), "sentence": said}
    return found | {"gain": gain, "low": low, "high": high, "sentence": told, "checked": checked}
