"""The races that docs/race.md tells of: pictures, texts and sounds, hours on two cores.

    HEADSTART_DATA=... python benchmarks/races.py --seeds 3
    HEADSTART_DATA=... python benchmarks/races.py --sets sst5 banking77 --seeds 2

No clock ticks but over esc10, whose clips of five seconds take a fresh net hours.
A race that was stopped goes on where it was, and more seeds run only what fewer have not. The
record goes to benchmarks/races/NAME.json, and both pictures as SVG to docs/figures/.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import headstart as hs
from headstart.cli.bar import Bar
from headstart.race.record import RECORD

HERE = Path(__file__).resolve().parent
RECORDS, PICTURES = HERE / "races", HERE.parent / "docs" / "figures"
STRATEGIES = ("scratch", "probe", "partial")
LABELS = (5, 20, "all")


def tell_recordings(root: Path, work: Path) -> Path:
    """Write the table of esc10 with the recording that each clip was cut from, and return it."""
    folder, table = root / "audio" / "esc10", work / "esc10.csv"
    rows = list(csv.DictReader((folder / "folds.csv").open()))
    work.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "label", "recording"))
        for row in rows:
            recording = Path(row["file"]).stem.rpartition("-")[0]
            writer.writerow((folder / row["file"], row["label"], recording))
    return table


# How each race is asked for: where its data lie, and what differs from the above. Texts run long,
# so all the labels of a set of thousands are left out: forty a class of banking77 are 3,080.
SETS: dict[str, dict[str, Any]] = {
    "ants_bees": {"data": "images/ants_bees"},
    "flowers5": {"data": "images/flowers5"},
    "fashion900": {"data": "images/fashion900"},
    "sst5": {
        "data": "text/sst5/train.csv",
        "test": "text/sst5/test.csv",
        "labels": (10, 50, 200),
    },
    "banking77": {
        "data": "text/banking77/train.csv",
        "test": "text/banking77/test.csv",
        "labels": (5, 10, 40),
    },
    "spoken_digits": {"data": "audio/spoken_digits", "labels": (5, 20, 50)},
    "esc10": {
        "data": tell_recordings,
        "audio": "file",
        "label": "label",
        "group": "recording",
        "labels": (5, "all"),
        "time": 2400,
    },
}


def race(root: Path, name: str, seeds: int, work: Path) -> None:
    """Run one race, or what is missing of it, and keep its record and pictures."""
    out = work / name
    asked: dict[str, Any] = {"labels": LABELS} | SETS[name]
    for side in {"data", "test"} & set(asked):
        where: str | Callable[[Path, Path], Path] = asked[side]
        asked[side] = str(root / where if isinstance(where, str) else where(root, work))
    with Bar() as progress:
        hs.race(
            **asked,
            out=out,
            strategies=STRATEGIES,
            seeds=seeds,
            offline=True,
            figures=True,
            progress=progress,
        )
    RECORDS.mkdir(exist_ok=True)
    PICTURES.mkdir(exist_ok=True)
    shutil.copy(out / RECORD, RECORDS / f"{name}.json")
    for picture in sorted((out / "figures").glob("*.svg")):
        shutil.copy(picture, PICTURES / f"race-{name}-{picture.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=HERE.parent / "build" / "races")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.sets:
        race(Path(args.data), name, args.seeds, args.work)


if __name__ == "__main__":
    main()
