"""Every default of training, as pure functions of the data's size, where a person can read them."""

from __future__ import annotations

SCRATCH_RATE = 2e-3
"""AdamW's peak rate for a fresh net in batches of 16 to 64."""

SCRATCH_WEIGHT_DECAY = 0.05
SMOOTHING = 0.1

SCRATCH_STEPS = 1200
"""A small fresh net keeps improving for about this many steps on a few hundred examples."""


def batch_size(samples: int) -> int:
    """Return the batch size: small sets get more, smaller steps an epoch."""
    return 16 if samples < 200 else 32 if samples < 5000 else 64


def scratch_epochs(samples: int) -> int:
    """Return for how many epochs a fresh net is trained at most."""
    steps_an_epoch = max(1, samples // batch_size(samples))
    return max(12, min(150, round(SCRATCH_STEPS / steps_an_epoch)))


def scratch_patience(samples: int) -> int:
    """Return after how many epochs without a better validation score training stops."""
    return max(5, scratch_epochs(samples) // 3)


def views(samples: int) -> int:
    """Return how many augmentation views of each example are made (the plain one among them)."""
    return 12 if samples <= 500 else 8 if samples <= 2000 else 4


def fold_count(samples: int) -> int:
    """Return into how many folds cross-validation cuts: five, fewer when data is plentiful."""
    return 5 if samples <= 20_000 else 3
