"""Races as `race` writes them, from simulated learning curves: plain records for the page."""

import numpy as np

from tests.evaluations import HOSTILE

ABOUT = {
    "scratch": ("the same net from fresh weights", "none"),
    "probe": ("a new head on the frozen backbone", "all"),
    "partial": ("the top stages are trained too", "some"),
    "full": ("every stage is trained", "none"),
}
SKILL = {
    "scratch": (0.95, 1.45, 0.42),
    "probe": (0.89, 0.62, 0.5),
    "partial": (0.93, 0.75, 0.52),
    "full": (0.95, 0.95, 0.5),
}
"""Where each curve ends, how far off it begins, and how quickly it falls, by labels a class."""

LABELS = ("birch", "ginkgo", "maple", "oak", "rowan", "willow")


def _figure(value, n=128):
    spread = 1.96 * np.sqrt(max(value * (1 - value), 1e-4) / n)
    return {
        "value": value,
        "low": float(max(0.0, value - spread)),
        "high": float(min(1.0, value + spread)),
    }


def _curve(strategy, end, floor, n, random):
    if strategy == "probe":
        return [{"phase": "head", "epoch": 1, "seconds": 0.4 + 0.002 * n, "value": end}], 0.5
    pace = 0.02 + n * {"scratch": 0.011, "partial": 0.004}.get(strategy, 0.012)
    start, points, at = floor, [], 0.1
    if strategy != "scratch":
        start = floor + 0.9 * (end - floor)
        points.append({"phase": "head", "epoch": 1, "seconds": 0.4, "value": start})
        at = 0.5
    epochs = int(random.integers(14, 26))
    for epoch in range(1, epochs + 1):
        at += pace
        value = end - (end - start) * np.exp(-epoch / 5) + random.normal(0, 0.012)
        phase = {"scratch": "from scratch", "partial": "the top stages"}.get(strategy, "all stages")
        points.append({"phase": phase, "epoch": epoch, "seconds": at, "value": float(value)})
    return points, at


def _runs(names, counts, seeds, pool, classes, seed):
    floor = 1 / classes
    runs = []
    for name in names:
        top, off, fall = SKILL.get(name, SKILL["partial"])
        for count in counts:
            n = pool if count == "all" else count * classes
            for draw in seeds:
                random = np.random.default_rng([seed, list(names).index(name), n, draw])
                end = top - off * (n / classes) ** -fall + random.normal(0, 0.03 * (n / 30) ** -0.4)
                end = float(np.clip(end, floor, 0.99))
                curve, seconds = _curve(name, end, floor, n, random)
                runs.append(
                    {
                        "id": f"{name}-{count}-{draw}",
                        "strategy": name,
                        "labels_per_class": count,
                        "n_train": n,
                        "seed": draw,
                        "seconds": seconds,
                        "stopped": "nothing better for 6 epochs" if len(curve) > 1 else "solved",
                        "curve": curve,
                        "test": {
                            "accuracy": _figure(min(1.0, end + 0.01)),
                            "macro_f1": _figure(end),
                        },
                    }
                )
    return runs


def _summary(names, counts, runs):
    rows = []
    for name in names:
        for count in counts:
            own = [r for r in runs if (r["strategy"], r["labels_per_class"]) == (name, count)]
            values = np.array([run["test"]["macro_f1"]["value"] for run in own])
            reach = 2.5 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
            rows.append(
                {
                    "strategy": name,
                    "labels_per_class": count,
                    "n_train": float(np.mean([run["n_train"] for run in own])),
                    "value": float(values.mean()),
                    "low": None if reach is None else float(values.mean() - reach),
                    "high": None if reach is None else float(values.mean() + reach),
                    "seeds": len(values),
                }
            )
    return rows


def _worth(names, counts, summary, pool):
    """Return at how many labels a class scratch is where each other strategy is with so many."""
    means = {(row["strategy"], row["labels_per_class"]): row["value"] for row in summary}
    places = [pool / 6 if count == "all" else count for count in counts]
    scratch = [means.get(("scratch", count), 0.0) for count in counts]
    worth = []
    for name in [each for each in names if each != "scratch"]:
        for count in counts:
            reached = None
            if scratch[0] < means[name, count] <= max(scratch):
                reached = float(np.exp(np.interp(means[name, count], scratch, np.log(places))))
            said = f"{name} at {count} a class: scratch never got there."
            if reached is not None:
                said = f"{name} at {count} a class equals scratch at about {reached:.0f}."
            worth.append(
                {
                    "strategy": name,
                    "labels_per_class": count,
                    "scratch_labels": reached,
                    "low": None if reached is None else reached * 0.7,
                    "high": None if reached is None else reached * 1.6,
                    "sentence": said,
                }
            )
    return worth


def _says(worth, counts):
    return {
        "verdict": "The pretrained backbone is what helps: with 10 labels a class the frozen "
        "backbone reaches a macro F1 of 0.69, where the same net from scratch needs about 140.",
        "worth": worth,
        "share": [
            {
                "strategy": "probe",
                "labels_per_class": 10,
                "share_of_data": 0.12,
                "share_of_quality": 0.81,
                "sentence": "With 12 % of the labels, probe reaches 81 % of what all of them give.",
            }
        ],
        "deeper": {
            "helps_from": 20,
            "sentence": "Training deeper than the head surely helps from 20 labels a class on.",
        },
        "next": {
            "strategy": "full",
            "labels": 100,
            "gain": 0.012,
            "low": 0.004,
            "high": 0.021,
            "sentence": "The next 100 labels would bring full about +0.012 (90 % interval +0.004 "
            "to +0.021).",
            "checked": {
                "hidden": list(counts[-2:]),
                "held": 3,
                "of": 4,
                "sentence": "With the largest counts hidden, the interval held 3 times in 4.",
            },
        },
    }


def _baseline(name, count, n, seed, value):
    return {
        "name": name,
        "labels_per_class": count,
        "n_train": n,
        "seed": seed,
        "test": {"accuracy": _figure(value), "macro_f1": _figure(value)},
    }


def race(
    names=tuple(ABOUT),
    counts=(5, 10, 20, 50, "all"),
    seeds=(0, 1, 2),
    pool=512,
    labels=LABELS,
    seed=0,
):
    """Return the record of a simulated race."""
    counts, seeds, labels = list(counts), list(seeds), list(labels)
    runs = _runs(names, counts, seeds, pool, len(labels), seed)
    baselines = []
    for count in counts:
        n = pool if count == "all" else count * len(labels)
        for draw in seeds:
            random = np.random.default_rng([seed, 77, n, draw])
            linear = 0.62 - 0.5 * (n / len(labels)) ** -0.4 + random.normal(0, 0.015)
            baselines.append(_baseline("pixels + logistic regression", count, n, draw, linear))
    baselines.append(_baseline("always the most common class", "all", pool, 0, 0.05))
    summary = _summary(names, counts, runs)
    return {
        "format": 1,
        "headstart": "0.1.0",
        "data": {
            "source": "leaves",
            "modality": "image",
            "labels": labels,
            "n_pool": pool,
            "n_test": 128,
            "split": "Test: 128 of 640 sealed before anything is chosen; every run answers it.",
        },
        "backbone": "bundled/image",
        "task": "classify",
        "headline": "macro_f1",
        "budget": {"sentence": "Every run had at most 12 seconds.", "seconds_a_run": 12.0},
        "labels_per_class": counts,
        "seeds": seeds,
        "command": "headstart race leaves/ --out race/ --labels 5,10,20,50,all --seeds 3",
        "strategies": [
            {
                "name": name,
                "about": ABOUT.get(name, ("", "some"))[0],
                "frozen": ABOUT.get(name, ("", "some"))[1],
            }
            for name in names
        ],
        "runs": runs,
        "baselines": baselines,
        "summary": summary,
        "says": _says(_worth(names, counts, summary, pool), counts),
        "seconds": {"total": 214.0, "shared_pass": 4.2},
    }


def hostile():
    """Return a race in which every word a stranger could choose is an attack."""
    record = race(names=tuple(HOSTILE[:5]), counts=(5, "all"), seeds=(0, 1), labels=HOSTILE[:6])
    for strategy in record["strategies"]:
        strategy["about"] = HOSTILE[1]
    for number, run in enumerate(record["runs"]):
        bad = HOSTILE[number % len(HOSTILE)]
        run["id"], run["stopped"] = f"{bad}-{number}", bad
        for point in run["curve"]:
            point["phase"] = bad
    for number, baseline in enumerate(record["baselines"]):
        baseline["name"] = HOSTILE[number % 2]
    says = record["says"]
    says["verdict"] = says["deeper"]["sentence"] = says["next"]["sentence"] = HOSTILE[0]
    says["next"]["checked"]["sentence"] = HOSTILE[7]
    for entry in (*says["worth"], *says["share"]):
        entry["sentence"] = HOSTILE[1]
    record["data"] |= {"source": HOSTILE[7], "split": HOSTILE[0]}
    record["budget"]["sentence"] = HOSTILE[2]
    return record | {"command": HOSTILE[0], "backbone": HOSTILE[1], "headstart": HOSTILE[8]}
