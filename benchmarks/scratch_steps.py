"""How long to train a fresh net on a hundred pictures: what defaults.SCRATCH_STEPS rests on.

    HEADSTART_DATA=... python benchmarks/scratch_steps.py --epochs 50 150

`scratch` learns from twenty pictures a class of flowers5 for so many epochs (of seven steps), and
is asked about the other four hundred of the training side; the set's own test has no part in it.
Prints the share of right answers, its standard error, and the seconds. About five minutes for 50
epochs on one core.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from depth import find_set, read_set, run
from headstart import defaults
from headstart.dataset.splits import draw
from headstart.registry import TASKS

LABELS_A_CLASS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("HEADSTART_DATA"))
    parser.add_argument("--epochs", nargs="+", type=int, default=[50, 150])
    parser.add_argument("--views", type=int, help="of each picture, other than usual")
    args = parser.parse_args()
    torch.set_num_threads(1)
    samples, _ = read_set(find_set(Path(args.data), "flowers5"))
    task = TASKS.get("classify")()
    targets = [sample.target for sample in samples]
    everyone = np.arange(len(samples))
    rows = draw(task.encode(targets, task.labels(targets)), everyone, LABELS_A_CLASS, 0)
    learnt = [samples[at] for at in rows]
    others = [samples[at] for at in np.setdiff1d(everyone, rows)]
    views = args.views or defaults.views(len(learnt))
    for epochs in args.epochs:
        with (
            mock.patch.object(defaults, "scratch_epochs", return_value=epochs),
            mock.patch.object(defaults, "views", return_value=views),
        ):
            found = run("scratch", learnt, others, 0)
        right = found["right"].count("1") / len(others)
        error = (right * (1 - right) / len(others)) ** 0.5
        print(f"{epochs} epochs, {views} views: {right:.3f} ({error:.3f}), {found['seconds']} s")


if __name__ == "__main__":
    main()
