"""What the bundled audio net is worth on real sounds, beside a forest and the same net untaught.

    HEADSTART_DATA=... python benchmarks/audio.py --sets esc10 --ways forest probe
    HEADSTART_DATA=... python benchmarks/audio.py --table

esc10 by its own five folds; spoken_digits by its own split (5, 10, 20 and 50 a class, drawn nested,
and whole) and by speaker, learnt from five and asked of the sixth. Each cell learns from the same
clips and is asked the same test: `probe` and `auto` on the bundled net, `scratch`, the same net
from fresh weights within the time that `auto` took there (a minute at least), and `forest`, a
random forest on MFCC statistics. Clips of one recording (esc10) or of one speaker (by speaker) stay
together wherever something is chosen. Every cell is appended to benchmarks/results/audio.jsonl as
it ends; started again, only what is missing is run. `--table` prints shares of right answers and
paired differences: of esc10 over its recordings, else over test clips, draws taken together.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from depth import run, run_plain
from headstart import features
from headstart.dataset.splits import draw
from headstart.metrics import paired
from headstart.registry import MODALITIES, TASKS
from headstart.schema import Sample

RESULTS = Path(__file__).resolve().parent / "results" / "audio.jsonl"
BACKBONE = "bundled/audio"
WAYS = ("forest", "probe", "auto", "scratch")
COUNTS = (5, 10, 20, 50)
LEAST_SECONDS = 60.0
"""What `auto` may take in any case, and so `scratch`."""


@dataclass(frozen=True)
class Cell:
    """What is learnt from and what is asked: where in the table, which of its parts, the clips."""

    protocol: str
    part: str
    train: list[Sample]
    test: list[Sample]


def read_esc10(root: Path) -> list[tuple[str, Sample]]:
    """Return every clip with its fold; its group is the recording that it was cut from."""
    folder = root / "audio" / "esc10"
    rows = list(csv.DictReader((folder / "folds.csv").open()))
    return [
        (
            row["fold"],
            Sample(
                folder / row["file"],
                row["label"],
                row["file"],
                group=Path(row["file"]).stem.rpartition("-")[0],
            ),
        )
        for row in rows
    ]


def read_digits(root: Path) -> list[tuple[str, str, Sample]]:
    """Return every clip with its side of the set's own split and its speaker."""
    folder = root / "audio" / "spoken_digits"
    return [
        (
            path.parts[-3],
            path.stem.split("_")[1],
            Sample(path, path.parent.name, str(path.relative_to(folder))),
        )
        for path in sorted(folder.glob("*/*/*.wav"))
    ]


def with_keys(samples: list[Sample]) -> list[Sample]:
    found, unread = features.identify(samples, MODALITIES.get("audio")())
    if unread:
        raise SystemExit(f"{unread[0].name}: {unread[0].why}")
    return found


def cells(name: str, root: Path, protocols: list[str] | None, draws: int) -> Iterator[Cell]:
    """Yield what of a set is learnt and asked, in the order that it is run in."""
    if name == "esc10":
        clips = read_esc10(root)
        for fold in sorted({fold for fold, _ in clips}):
            train = [clip for each, clip in clips if each != fold]
            yield Cell("folds", fold, train, [clip for each, clip in clips if each == fold])
        return
    spoken = read_digits(root)
    train = [clip for side, _, clip in spoken if side == "train"]
    test = [clip for side, _, clip in spoken if side == "test"]
    task = TASKS.get("classify")()
    targets = [clip.target for clip in train]
    encoded, everyone = task.encode(targets, task.labels(targets)), np.arange(len(train))
    found = [
        Cell(f"{count} a class", str(number), [train[at] for at in rows], test)
        for number in range(draws)
        for count in COUNTS
        for rows in [draw(encoded, everyone, count, number)]
    ]
    found.append(Cell("whole", "0", train, test))
    for speaker in sorted({each for _, each, _ in spoken}):
        others = [replace(clip, group=each) for _, each, clip in spoken if each != speaker]
        asked = [clip for _, each, clip in spoken if each == speaker]
        found.append(Cell("sixth speaker", speaker, others, asked))
    yield from (cell for cell in found if protocols is None or cell.protocol in protocols)


def records() -> list[dict[str, Any]]:
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text().splitlines()]


def answer(way: str, name: str, cell: Cell) -> dict[str, Any] | None:
    """Run one cell; None where it cannot be run yet."""
    seed = int(cell.part) if cell.part.isdigit() else 0
    if way == "forest":
        return run_plain(cell.train, cell.test, seed, "audio")
    seconds = None
    if way == "scratch":
        place = (name, cell.protocol, cell.part, "auto")
        took = [each["seconds"] for each in records() if place_of(each) == place]
        if not took:
            print(*place[:3], "scratch waits for auto, whose time it gets", flush=True)
            return None
        seconds = max(LEAST_SECONDS, took[0])
    train, test = with_keys(cell.train), with_keys(cell.test)
    return run(way, train, test, seed, BACKBONE, seconds) | {"budget": seconds}


def place_of(record: dict[str, Any]) -> tuple[str, ...]:
    return record["set"], record["protocol"], record["part"], record["way"]


def table(root: Path) -> None:
    """Print shares of right answers, and how much more of them a way gets than another."""
    found: dict[tuple[str, str], dict[str, dict[str, dict[str, Any]]]] = defaultdict(dict)
    for record in records():
        ways = found[record["set"], record["protocol"]]
        ways.setdefault(record["way"], {})[record["part"]] = record
    order = ["folds", *(f"{count} a class" for count in COUNTS), "whole", "sixth speaker"]
    rows = sorted(found, key=lambda key: (key[0], order.index(key[1])))
    print("| right, % | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS))
    for key in rows:
        print(f"| {key[0]}, {key[1]} | " + " | ".join(told(found[key].get(w)) for w in WAYS) + " |")
    recordings = {fold: [] for fold, _ in read_esc10(root)}
    for fold, clip in read_esc10(root):
        recordings[fold].append(clip.group)
    pairs = [(w, o) for w in ("probe", "auto") for o in ("forest", "scratch")]
    pairs.append(("auto", "probe"))
    print("\n| points more | " + " | ".join(f"{w} than {o}" for w, o in pairs) + " |")
    print("|---|" + "---|" * len(pairs))
    for key in rows:
        gaps = []
        for way, other in pairs:
            both = [found[key].get(each, {}) for each in (other, way)]
            parts = sorted(set(both[0]) & set(both[1]))
            gaps.append(gap(key, parts, both, recordings) if parts else "–")
        print(f"| {key[0]}, {key[1]} | " + " | ".join(gaps) + " |")


def told(runs: dict[str, dict[str, Any]] | None) -> str:
    if not runs:
        return "–"
    right = 100 * np.mean([mark == "1" for each in runs.values() for mark in each["right"]])
    spent = np.mean([each["cpu_seconds"] for each in runs.values()])
    shipped = sorted({each["shipped"] for each in runs.values()} - {"probe", "scratch"})
    deeper = [each for each in shipped if runs and "forest" not in each]
    kinds = f", {'/'.join(deeper)}" if deeper else ""
    return f"{right:.1f} ({len(runs)}, {spent:.0f} s{kinds})"


def gap(
    key: tuple[str, str],
    parts: list[str],
    both: list[dict[str, dict[str, Any]]],
    recordings: dict[str, list[str | None]],
) -> str:
    """Return the paired difference of right answers, in points, with its interval."""
    right: list[list[int]] = [[], []]
    groups: list[str] = []
    for part in parts:
        for side, runs in zip(right, both, strict=True):
            side.extend(int(mark) for mark in runs[part]["right"])
        if key[0] == "esc10":
            groups += [str(each) for each in recordings[part]]
        else:  # draws ask the same clips again, speakers have clips of their own
            own = part if key[1] == "sixth speaker" else ""
            groups += [f"{own}{at}" for at in range(len(both[0][part]["right"]))]
    found = paired(np.array(right[0]), np.array(right[1]), groups)
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", default=["esc10", "spoken_digits"])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--protocols", nargs="+", help="of spoken_digits; such as '5 a class'")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--parts", nargs="+", help="folds, draws or speakers; all of them")
    parser.add_argument("--table", action="store_true", help="print what there is, and run nothing")
    args = parser.parse_args()
    if args.table:
        table(Path(args.data))
        return
    torch.set_num_threads(1)
    done = {place_of(record) for record in records()}
    for name in args.sets:
        for cell in cells(name, Path(args.data), args.protocols, args.draws):
            for way in args.ways:
                place = (name, cell.protocol, cell.part, way)
                if place in done or (args.parts and cell.part not in args.parts):
                    continue
                found = answer(way, name, cell)
                if found is None:
                    continue
                record = dict(zip(("set", "protocol", "part", "way"), place, strict=True))
                record |= {"n_train": len(cell.train), "n_test": len(cell.test)} | found
                with RESULTS.open("a") as file:
                    file.write(json.dumps(record) + "\n")
                right = found["right"].count("1") / len(found["right"])
                print(*place, f"{right:.4f}", found["shipped"], found["seconds"], flush=True)


if __name__ == "__main__":
    main()
