"""Train the bundled image net on labels alone, in an hour or two of one or two CPU cores.

    PYTHONPATH=src python pretraining/image/train_on_cpu.py --data photos64.parquet --out OUT \\
        --minutes 80 --threads 1

`train.py` is the better recipe and wants a GPU: a teacher and hundreds of passes. With time for
some twenty-five passes there is little to overfit and nothing to spare for a teacher, so here the
small net learns the labels itself: smoothed, a third of the pictures pasted over (cutmix), at 48 px
first, where a step is cheapest, then larger. The schedule follows the clock; killed and started
again with the same arguments, it goes on from the last checkpoint.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
import torch.nn.functional as F
from augment import CLEAN, MILD, draw_mixture, views
from running import Average, refresh_statistics, weight_groups
from torch import Tensor
from train import Training, arguments, export

from headstart.backbones.nets.image import SmallResNet

SIZES = ((0.0, 48), (0.6, 64), (0.9, 80))  # from which share of the time on, in pixels
PASTED = 0.35


def train(run: Training, until: float) -> None:
    args = run.args
    net = SmallResNet(classes=len(run.photos.classes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Average(net)
    optimizer = torch.optim.SGD(weight_groups(net, 5e-4), lr=0.15, momentum=0.9, nesterov=True)
    feed = run.pictures(args.batch)
    seen = 0
    net.train()

    def step() -> Tensor:
        nonlocal seen
        share = run.clock.now() / until
        size = [size for start, size in SIZES if share >= start][-1]
        images, labels = next(feed)
        x = views(images, size, MILD)
        mixture = draw_mixture(x, "paste" if torch.rand(()) < PASTED else "none")
        seen += len(x)
        with run.autocast():
            scores = net(run.ready(mixture.apply(x))).float()
        own = F.cross_entropy(scores, labels, label_smoothing=0.1, reduction="none")
        other = F.cross_entropy(
            scores, labels[mixture.partner], label_smoothing=0.1, reduction="none"
        )
        return (own * mixture.share + other * (1 - mixture.share)).mean()

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
