"""What one default of training rests on: other values of it, judged on held-back training examples.

    HEADSTART_DATA=... python benchmarks/one_default.py --set flowers5 --labels 50 --draws 2 \\
        --strategy partial --default backbone_rate --values 1e-4 3e-4 1e-3
    HEADSTART_DATA=... python benchmarks/one_default.py --set flowers5 --labels 20 \\
        --strategy scratch --default scratch_epochs --values 50 150
    python benchmarks/one_default.py --table

A strategy learns from so many examples a class of a set's training side, with the default (a name
in headstart.defaults, whether number or function) at each value, and is asked about the rest of the
training side, at most 500 of it; the set's own test has no part in it. Every run is appended to
benchmarks/results/one_default.jsonl as it ends; started again, only what is missing is run.
`--table` prints shares of right answers, draw by draw, and the standard error of one.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from depth import called, empty_store, find_set, kind_of, read_set, run
from headstart import defaults
from headstart.dataset.splits import draw
from headstart.registry import TASKS

RESULTS = Path(__file__).resolve().parent / "results" / "one_default.jsonl"
ASKED = 500
ABOUT = ("backbone", "set", "labels", "strategy", "default", "value")


def read_results() -> dict[tuple[Any, ...], dict[int, dict[str, Any]]]:
    """Return every run so far, by what was asked and draw."""
    found: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = defaultdict(dict)
    if RESULTS.exists():
        for record in map(json.loads, RESULTS.read_text().splitlines()):
            found[tuple(record[each] for each in ABOUT)][record["draw"]] = record
    return found


def table() -> None:
    """Print every value with its shares of right answers, and seconds of the processor."""
    print(f"| {' | '.join(ABOUT)} | right, % (standard error) | CPU seconds |")
    print("|---" * (len(ABOUT) + 2) + "|")
    for key, draws in read_results().items():
        runs = [draws[at] for at in sorted(draws)]
        shares = " ".join(f"{100 * each['share']:.1f}" for each in runs)
        share, asked = runs[0]["share"], runs[0]["asked"]
        error = 100 * (share * (1 - share) / asked) ** 0.5
        took = np.mean([each["cpu_seconds"] for each in runs])
        print(f"| {' | '.join(map(str, key))} | {shares} ({error:.1f}) | {took:.0f} |")


def patched(name: str, value: float) -> Any:
    """Return a patch that gives a default another value, whatever it usually depends on."""
    usual = getattr(defaults, name)
    if callable(usual):
        return mock.patch.object(defaults, name, return_value=value)
    return mock.patch.object(defaults, name, value)


def number(text: str) -> float:
    """Return a number as it is written: whole ones count epochs and ranks."""
    return int(text) if text.isdigit() else float(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--set", default="flowers5")
    parser.add_argument("--labels", type=int, default=50, help="a class")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--strategy", default="partial")
    parser.add_argument("--default", help="a name in headstart.defaults")
    parser.add_argument("--values", nargs="+", type=number)
    parser.add_argument("--backbone", help="the bundled one of the set's kind unless told")
    parser.add_argument("--table", action="store_true", help="print what there is, and run nothing")
    args = parser.parse_args()
    if args.table:
        table()
        return
    torch.set_num_threads(1)
    folder = find_set(Path(args.data), args.set)
    backbone = args.backbone or f"bundled/{kind_of(folder)}"
    samples, _ = read_set(folder)
    task = TASKS.get("classify")()
    targets = [sample.target for sample in samples]
    encoded = task.encode(targets, task.labels(targets))
    everyone = np.arange(len(samples))
    for value in args.values:
        about = (called(backbone), args.set, args.labels, args.strategy, args.default, value)
        for seed in range(args.draws):
            if seed in read_results()[about]:
                continue
            rows = draw(encoded, everyone, args.labels, seed)
            others = np.random.default_rng(seed).permutation(np.setdiff1d(everyone, rows))[:ASKED]
            with patched(args.default, value), empty_store():
                found = run(
                    args.strategy,
                    [samples[at] for at in rows],
                    [samples[at] for at in others],
                    seed,
                    backbone,
                )
            share = found["right"].count("1") / len(others)
            record = dict(zip(ABOUT, about, strict=True)) | {
                "draw": seed,
                "asked": len(others),
                "share": round(share, 4),
                "seconds": found["seconds"],
                "cpu_seconds": found["cpu_seconds"],
            }
            with RESULTS.open("a") as file:
                file.write(json.dumps(record) + "\n")
            print(*record.values(), flush=True)


if __name__ == "__main__":
    main()
