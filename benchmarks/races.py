"""The races that docs/race.md tells of: three sets of pictures, no clock, hours on two cores.

    HEADSTART_DATA=... python benchmarks/races.py --seeds 3

A race that was stopped goes on where it was, and more seeds run only what fewer have not. The
record goes to benchmarks/races/NAME.json, and both pictures as SVG to docs/figures/.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import torch

import headstart as hs
from headstart.cli.bar import Bar
from headstart.race.record import RECORD

HERE = Path(__file__).resolve().parent
RECORDS, PICTURES = HERE / "races", HERE.parent / "docs" / "figures"
SETS = ("ants_bees", "flowers5", "fashion900")
STRATEGIES = ("scratch", "probe", "partial")
LABELS = (5, 20, "all")


def race(root: Path, name: str, seeds: int, work: Path) -> None:
    """Run one race, or what is missing of it, and keep its record and pictures."""
    out = work / name
    with Bar() as progress:
        hs.race(
            str(root / "images" / name),
            out=out,
            strategies=STRATEGIES,
            labels=LABELS,
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
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=HERE.parent / "build" / "races")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.sets:
        race(Path(args.data), name, args.seeds, args.work)


if __name__ == "__main__":
    main()
