"""Does the forecast of `race` hold? Real learning curves of the frozen backbone, their ends hidden.

    HEADSTART_DATA=... python benchmarks/forecast.py --curves  # an hour, resumable
    python benchmarks/forecast.py                    # what the forecast makes of them

The curves (headline on the set's own sealed test, by examples learnt from, three draws) are kept in
benchmarks/results/forecast.json beside what came of it: the largest counts are hidden one after
another, each is predicted from those below, and it is counted how often the 90 % interval holds it.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart.job import Job
from headstart.journal import Nowhere
from headstart.opening import open_data, seal_test
from headstart.progress import Silent
from headstart.race.draws import Draws
from headstart.race.forecast import MORE, Curves, Points, check
from headstart.race.plan import Run, default_counts
from headstart.race.runs import Judge, Track

RESULTS = Path(__file__).resolve().parent / "results" / "forecast.json"
SEEDS = 3
MOST = 4000
"""Examples to learn from: a head on more of them takes minutes a draw."""

SETS = (
    "images/flowers5",
    "images/fashion900",
    "images/ants_bees",
    "images/blood_cells",
    "images/brain_mri",
    "audio/spoken_digits",
    "text/banking77",
    "text/sst5",
    "text/imdb5k",
)


def source_of(root: Path, name: str) -> tuple[Any, Any]:
    """Return a set's data and its own test, however it lies there."""
    folder = root / name
    tables = sorted(folder.glob("*.csv")) if name.startswith("text/") else []
    named = {path.stem: str(path) for path in tables}
    return (named["train"], named.get("test")) if named else (str(folder), None)


def measure(root: Path, name: str, keep: Any) -> None:
    """Run the probe of one set at every count and seed; `keep` takes each point."""
    data, test = source_of(root, name)
    progress = Silent()
    opened = open_data(
        data, backbone=None, test=test, image=None, audio=None, text=None, label=None,
        group=None, separator=None, offline=True, device=None, progress=progress,
    )  # fmt: skip
    sealed = seal_test(opened, task=None, seed=0, strict=False, progress=progress)
    draws, judge = Draws(sealed), Judge(sealed)
    job = Job(
        (),
        sealed.labels,
        task=sealed.task.name,
        modality=opened.modality.name,
        backbone=opened.backbone.name,
    )
    track = Track(job, opened.backbone, draws, judge)
    for count in default_counts(list(draws.sizes().values())):
        for seed in range(SEEDS):
            if count == "all" and seed:
                continue  # there is one draw of all
            if len(draws.rows(count, seed)) > MOST:
                continue
            if keep.has(name, count, seed):
                continue
            answer = track.run(Run("probe", count, seed), None, Nowhere())
            value = answer["test"][sealed.task.headline]["value"]
            keep.add(name, count, seed, answer["n_train"], value, len(judge.samples))


class Measured:
    """The points so far, on disk."""

    def __init__(self) -> None:
        self.found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"curves": {}}

    def has(self, name: str, count: Any, seed: int) -> bool:
        points = self.found["curves"].get(name, [])
        return any((p["labels_per_class"], p["seed"]) == (count, seed) for p in points)

    def add(self, name: str, count: Any, seed: int, n: int, value: float, tests: int) -> None:
        point = {
            "labels_per_class": count,
            "seed": seed,
            "n_train": n,
            "value": round(value, 5),
            "n_test": tests,
        }
        self.found["curves"].setdefault(name, []).append(point)
        self.write()
        print(name, count, seed, n, round(value, 4), flush=True)

    def write(self) -> None:
        RESULTS.write_text(json.dumps(self.found, indent=1) + "\n")


def points_of(rows: list[dict[str, Any]]) -> Points:
    """Return a measured curve as the forecast takes it."""
    # Groups come whole, so draws of as many labels a class may differ a little in size.
    by_count: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        by_count.setdefault(row["labels_per_class"], []).append(row)
    table = []
    for found in by_count.values():
        values = [row["value"] for row in found]
        spread = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
        size = float(np.mean([row["n_train"] for row in found]))
        table.append((size, float(np.mean(values)), spread, len(values)))
    return Points(*np.array(sorted(table), float).T, tested=rows[0]["n_test"])


def on_real_curves(curves: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Hide the ends of the measured curves and count how often the interval holds them."""
    sets = {}
    for name, rows in curves.items():
        tries = check(points_of(rows))
        sets[name] = {"held": sum(good for _, good in tries), "of": len(tries)}
    whole = {key: sum(each[key] for each in sets.values()) for key in ("held", "of")}
    return {"sets": sets, **whole}


def on_made_up_curves(seeds: int, count: int = 150) -> dict[str, Any]:
    """Draw curves that are powers, with the noise of draws, and count both kinds of intervals."""
    chance = np.random.default_rng(seeds)
    hidden, gains = [], []
    for _ in range(count):
        classes, fall = int(chance.choice([2, 3, 5, 10, 40])), chance.uniform(0.2, 1.0)
        ceiling, tested = chance.uniform(0.6, 1.0), int(chance.choice([100, 250, 1000]))
        start = chance.uniform(min(1 / classes, 0.5 * ceiling), 0.75 * ceiling)
        sizes = classes * np.array([5.0, 10, 20, 50, 100])
        height = (ceiling - start) * sizes[0] ** fall
        truth = ceiling - height * sizes**-fall
        share = chance.uniform(0.1, 0.5, len(sizes)) / sizes + 0.25 / tested
        error = (truth * (1 - truth) * share) ** 0.5
        seen = np.clip(truth + error * chance.normal(size=(seeds, len(sizes))), 0, 1)
        spread = seen.var(0, ddof=1) if seeds > 1 else np.zeros(len(sizes))
        points = Points(sizes, seen.mean(0), spread, np.full(len(sizes), float(seeds)), tested)
        hidden += [good for _, good in check(points)]
        _, low, high = Curves(points).gain(float(sizes[-1]), MORE)
        gain = height * (sizes[-1] ** -fall - (sizes[-1] + MORE) ** -fall)
        gains.append(low <= gain <= high)
    return {
        "seeds": seeds,
        "hidden": {"held": int(sum(hidden)), "of": len(hidden)},
        "gains": {"held": int(sum(gains)), "of": len(gains)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--curves", action="store_true", help="measure what is missing first")
    args = parser.parse_args()
    curves = Measured()
    if args.curves:
        torch.set_num_threads(1)
        for name in args.sets:
            measure(Path(args.data), name, curves)
    curves.found["real"] = on_real_curves(curves.found["curves"])
    curves.found["made_up"] = [on_made_up_curves(seeds) for seeds in (1, 3, 5)]
    curves.write()
    print(json.dumps({key: curves.found[key] for key in ("real", "made_up")}, indent=1))


if __name__ == "__main__":
    main()
