"""What the frozen side of a race costs beside one fit: asked is less than twice.

    HEADSTART_DATA=... python benchmarks/frozen_race.py --sets flowers5 --rounds 3

A fit by `probe` and a race of `probe` over five numbers of labels and five seeds, by turns, each
from an empty store. Written to benchmarks/results/frozen_race.json, seconds by the clock and by the
processor.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path

import torch

import headstart as hs
from depth import empty_store, find_set, timed

RESULTS = Path(__file__).resolve().parent / "results" / "frozen_race.json"
LABELS = (5, 10, 20, 50, "all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", default=["flowers5"])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    record = {}
    for name in args.sets:
        source = str(find_set(Path(args.data), name))
        ways = {
            "fit": lambda source=source: hs.fit(source, strategy="probe", offline=True),
            "race": lambda source=source: hs.race(
                source, strategies=["probe"], labels=LABELS, seeds=5, offline=True
            ),
        }
        took: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(args.rounds):
            for way, work in ways.items():
                with empty_store():
                    took[way].append(timed(work)[1])
        ratios = [
            race["cpu_seconds"] / fit["cpu_seconds"]
            for fit, race in zip(took["fit"], took["race"], strict=True)
        ]
        record[name] = took | {"ratios": ratios, "ratio": statistics.median(ratios)}
        print(name, json.dumps(record[name]), flush=True)
        RESULTS.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
