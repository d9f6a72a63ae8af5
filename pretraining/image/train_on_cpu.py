"""Train the bundled image net on labels alone, in an hour or two of one or two CPU cores.

    PYTHONPATH=src python pretraining/image/train_on_cpu.py --data photos64.parquet --out OUT \\
        --minutes 80 --threads 1

`train.py` is the better recipe and wants a GPU: a teacher and hundreds of passes. With time for
some twenty-five passes there is little to overfit and nothing to spare for a teacher, so here the
small net learns the labels itself: smoothed, a third of the pictures pasted over (cutmix), at 48 px
first, where a step is cheapest, then larger. The schedule follows the clock; killed and started
again with the same arguments, it goes on from the last checkpoint.

With `--student-from WEIGHTS` a finished net goes through a second cycle: larger pictures, a lower
rate, and plain labels, because smoothed ones draw the last stage's classes together, and what lies
between them is what another task needs (Kornblith et al., arXiv:2010.16402).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from augment import CLEAN, MILD, draw_mixture, views
from running import Average, refresh_statistics, weight_groups
from safetensors.torch import load_file
from torch import Tensor
from train import Training, arguments, export

from headstart.backbones.nets.image import SmallResNet

PASTED = 0.35


@dataclass(frozen=True)
class Cycle:
    """One rise and fall of the rate. `sizes`: from which share of the time on, in pixels."""

    sizes: tuple[tuple[float, int], ...]
    rate: float
    smoothing: float


FIRST = Cycle(((0.0, 48), (0.6, 64), (0.9, 80)), rate=0.15, smoothing=0.1)
SECOND = Cycle(((0.0, 48), (0.5, 64), (0.9, 80)), rate=0.1, smoothing=0.0)


def train(run: Training, until: float) -> None:
    args = run.args
    cycle = SECOND if args.student_from else FIRST
    net = SmallResNet(classes=len(run.photos.classes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if args.student_from:
        net.load_state_dict(load_file(args.student_from))
    average = Average(net)
    groups = weight_groups(net, 5e-4)
    optimizer = torch.optim.SGD(groups, lr=cycle.rate, momentum=0.9, nesterov=True)
    feed = run.pictures(args.batch)
    seen = 0
    net.train()

    def step() -> Tensor:
        nonlocal seen
        share = run.clock.now() / until
        size = [size for start, size in cycle.sizes if share >= start][-1]
        images, labels = next(feed)
        x = views(images, size, MILD)
        mixture = draw_mixture(x, "paste" if torch.rand(()) < PASTED else "none")
        seen += len(x)
        with run.autocast():
            scores = net(run.ready(mixture.apply(x))).float()

        def loss(wanted: Tensor) -> Tensor:
            return F.cross_entropy(
                scores, wanted, label_smoothing=cycle.smoothing, reduction="none"
            )

        there = loss(labels[mixture.partner])
        return (loss(labels) * mixture.share + there * (1 - mixture.share)).mean()

    def judge() -> dict[str, Any]:
        with torch.no_grad(), run.autocast():
            refresh_statistics(average.net, run.calm_batches((64, 96, 80), CLEAN))
            figures = {f"held_back_{size}": run.held_back(average.net, size) for size in (64, 96)}
        export(run, average.net, {**figures, "seconds": run.clock.now()})
        return {**figures, "views": seen}

    run.loop(
        "student", until, {"net": net, "average": average.net}, average, optimizer, step, judge
    )


def main() -> None:
    args = arguments(batch=128, procedural=96, every=600.0)
    torch.set_num_threads(args.threads)
    run = Training(args)
    train(run, args.minutes * 60)
    run.log.write(event="finished")


if __name__ == "__main__":
    sys.exit(main())
