"""Train the bundled audio net in an hour or two of one CPU core.

    PYTHONPATH=src python pretraining/audio/train_on_cpu.py --out OUT --speech DIR --minutes 85

The lessons are those of `train.py`, which wants a GPU and hears thirty times as much. With time for
a few hundred thousand windows the net is narrower (its first stages cost most), learns fewer words
in more voices each, and hears mostly short windows: most of what they hold is sound, and a word is
there whole. Long ones hold synthesised sounds for the most part. The schedule follows the clock;
killed and started again with the same arguments, it goes on from the last checkpoint.
"""

from __future__ import annotations

import torch
from train import Run, Windows, arguments

WINDOWS: Windows = (
    *((0.4, 1.0, 0.65), (0.5, 1.5, 0.65), (0.6, 1.5, 0.65), (0.7, 1.5, 0.65)),
    *((0.8, 1.0, 0.65), (1.0, 1.0, 0.6), (1.6, 0.8, 0.3), (2.4, 0.5, 0.3)),
)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    asked = arguments(
        clips=110_000,
        speech_minutes=7.0,
        workers=1,
        words=600,
        widths=(16, 32, 64),
        seconds=32.0,
        average=0.997,
        bank=1024,
        renew=1,
        settle=16,
        save_seconds=420.0,
    )
    Run(asked, WINDOWS).train()


if __name__ == "__main__":
    main()
