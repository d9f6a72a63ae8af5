"""Every strategy beside every other on real pictures, by number of labels; resumable.

    HEADSTART_DATA=... python benchmarks/depth.py --sets flowers5 --counts 20 50 0 --draws 3

For each set, number of labels a class (0: all) and draw, each strategy learns from the same
examples, on the same bundled backbone, and is asked about the set's own test, which no choice sees.
Every run is appended to benchmarks/results/depth.jsonl as it ends; started again, only what is
missing is run. `--table` prints means over draws, with seconds and the number of draws.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart import dataset, features
from headstart.backbones.source import open_backbone
from headstart.choose import make
from headstart.dataset.splits import draw, join_groups, seal
from headstart.job import Job
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Sample

RESULTS = Path(__file__).resolve().parent / "results" / "depth.jsonl"
STRATEGIES = ("probe", "partial", "gradual", "full", "scratch", "auto")
BACKBONE = "bundled/image"


def read_set(folder: Path) -> tuple[list[Sample], list[Sample]]:
    """Return a set's training side and its test: its own, or a sealed fifth; twins together."""
    modality = MODALITIES.get("image")()
    found = dataset.read(str(folder), suffixes=modality.suffixes)
    sides = [features.identify(side, modality)[0] for side in (found.samples, found.test or ())]
    if sides[1]:
        return sides[0], sides[1]
    task = TASKS.get("classify")()
    targets = [sample.target for sample in sides[0]]
    encoded = task.encode(targets, task.labels(targets))
    sketches = np.stack([modality.sketch(modality.read(each.input)) for each in sides[0]])
    groups = join_groups(sides[0], modality.twins(sketches))
    train, test = seal(encoded, groups, share=0.3, seed=0)
    return [sides[0][at] for at in train], [sides[0][at] for at in test]


def run(
    strategy: str,
    samples: list[Sample],
    test: list[Sample],
    seed: int,
    backbone: str = BACKBONE,
    seconds: float | None = None,
) -> dict[str, Any]:
    """Learn and ask the test; return right or wrong for each example, F1 and the seconds."""
    opened = open_backbone(backbone)
    task = TASKS.get("classify")()
    labels = task.labels([sample.target for sample in samples])
    job = Job(
        tuple(samples),
        labels,
        modality=opened.spec.modality,
        backbone=backbone,
        strategy=strategy,
        seed=seed,
        seconds=seconds,
    )
    begun, worked = time.perf_counter(), time.process_time()
    model = make(job, backbone=opened)
    took, worked = time.perf_counter() - begun, time.process_time() - worked
    vectors = model.features([sample.input for sample in test])
    probabilities, _ = model.judge(vectors)
    truth = task.encode([sample.target for sample in test], labels)
    said = probabilities.argmax(1)
    return {
        "macro_f1": float(task.score(probabilities, truth)),
        "right": "".join("01"[int(each)] for each in said == truth),
        "said": said.tolist(),
        "shipped": model.strategy,
        "seconds": round(took, 1),
        "cpu_seconds": round(worked, 1),
    }


def table() -> None:
    """Print mean macro-F1 by set and number of labels, a column a strategy, with the seconds."""
    found = defaultdict(list)
    for line in RESULTS.read_text().splitlines():
        record = json.loads(line)
        if "macro_f1" in record:
            key = (record["set"], record["labels_per_class"])
            found[key, record["strategy"]].append(record)
    keys = sorted({key for key, _ in found}, key=lambda key: (key[0], key[1] or 10**9))
    print("| set, labels a class | " + " | ".join(STRATEGIES) + " |")
    print("|---|" + "---|" * len(STRATEGIES))
    for key in keys:
        cells = []
        for strategy in STRATEGIES:
            runs = found.get((key, strategy), [])
            if not runs:
                cells.append("–")
                continue
            score = np.mean([each["macro_f1"] for each in runs])
            took = np.mean([each["seconds"] for each in runs])
            cells.append(f"{100 * score:.1f} ({took:.0f} s, {len(runs)})")
        print(f"| {key[0]}, {key[1] or 'all'} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", default=["flowers5", "fashion900", "ants_bees"])
    parser.add_argument("--counts", nargs="+", type=int, default=[20, 50, 0])
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print what there is, and run nothing")
    args = parser.parse_args()
    if args.table:
        table()
        return
    done = set()
    if RESULTS.exists():
        records = [json.loads(line) for line in RESULTS.read_text().splitlines()]
        names = ("set", "labels_per_class", "draw", "strategy")
        done = {tuple(record.get(name) for name in names) for record in records}
    machine = {"processor": platform.machine(), "threads": torch.get_num_threads()}
    for name in args.sets:
        train, test = read_set(Path(args.data) / "images" / name)
        task = TASKS.get("classify")()
        targets = [sample.target for sample in train]
        encoded = task.encode(targets, task.labels(targets))
        for count in args.counts:
            for number in range(args.draws):
                every = np.arange(len(train))
                rows = draw(encoded, every, count, number) if count else every
                for strategy in args.strategies:
                    key = {
                        "set": name,
                        "labels_per_class": count,
                        "draw": number,
                        "strategy": strategy,
                    }
                    if tuple(key.values()) in done:
                        continue
                    found = run(strategy, [train[at] for at in rows], test, number)
                    record = key | {"n_train": len(rows), "n_test": len(test)} | found | machine
                    with RESULTS.open("a") as file:
                        file.write(json.dumps(record) + "\n")
                    print(*key.values(), found["macro_f1"], found["seconds"], flush=True)


if __name__ == "__main__":
    main()
