"""Every default of training, as pure functions of the data's size, where a person can read them."""

from __future__ import annotations

SCRATCH_RATE = 2e-3
"""AdamW's peak rate for a fresh net in batches of 16 to 64."""

SCRATCH_WEIGHT_DECAY = 0.05
SMOOTHING = 0.1

SCRATCH_STEPS = 600
"""A small fresh net has nearly all that it gets from a few hundred examples after so many steps.

On a hundred pictures of flowers5, judged by 400 others of its training side, 350 steps came to 54 %
and 1,050 to 56 % (standard error 2.5); with four times as many views 350 came to 54 % again
(benchmarks/one_default.py).
"""


def batch_size(samples: int) -> int:
    """Return the batch size: small sets get more, smaller steps an epoch."""
    return 16 if samples < 200 else 32 if samples < 5000 else 64


def scratch_epochs(samples: int) -> int:
    """Return for how many epochs a fresh net is trained at most."""
    steps_an_epoch = max(1, samples // batch_size(samples))
    return max(12, min(80, round(SCRATCH_STEPS / steps_an_epoch)))


def scratch_patience(samples: int) -> int:
    """Return after how many epochs without a better validation score training stops; 0: never.

    Few examples are all learnt from, to the end of the schedule: a fresh net has nothing to lose
    by it, and a fifth held back to stop by would be missed.
    """
    return 0 if few(samples) else max(5, scratch_epochs(samples) // 3)


def views(samples: int) -> int:
    """Return how many augmentation views of each example are made (the plain one among them)."""
    return 12 if samples <= 500 else 8 if samples <= 2000 else 4


HEAD_RATE = 1e-3
"""AdamW's peak rate for a head that was solved: it only has to follow what moves under it.

Ten times as much did worse than as much as the backbone's own (docs/depth.md).
"""


def backbone_rate(width: int, batch_norm: bool) -> float:
    """Return AdamW's peak rate of the topmost stage; stages below decay from there to a tenth.

    AdamW moves every weight by about its rate a step whatever its size, and wide layers have small
    weights, so the rate falls with the width. For the bundled picture net (512 wide) 1e-3 was best
    of 1e-4, 3e-4, 1e-3 and 3e-3 on held-back training pictures of flowers5. Transformers stand far
    less: BERT's authors tried 2e-5 to 5e-5 at width 768 (arXiv:1810.04805, appendix A.3).
    """
    return min(HEAD_RATE, (0.5 if batch_norm else 0.04) / width)


TUNING_WEIGHT_DECAY = 0.05

LOWEST_SHARE = 0.1
"""The first stage's rate as a share of the last one's."""

TUNING_STEPS = 250
"""A pretrained net has moved to a few hundred examples after about this many steps. On held-back
training pictures of flowers5 (50 a class) 8 epochs of 7 steps came within a point of 20."""

MOST_STEPS_DOWN = 4


def layer_decay(depth: int) -> float:
    """Return the factor from a stage's rate to that of the stage below it."""
    return float(LOWEST_SHARE ** (1 / max(1, depth - 1)))


def top_stages(samples: int, depth: int) -> int:
    """Return how many stages from the top are trained with so many samples.

    A fifth of them, which for a net of few stages is the topmost: with twenty examples a class a
    second one made flowers5 no better. With more examples two fifths.
    """
    share = 1 / 5 if samples < 1000 else 2 / 5
    return max(1, min(depth, round(depth * share)))


def steps_down(depth: int, lowest: int) -> list[int]:
    """Return the boundaries of gradual unfreezing: from one stage open down to `lowest`."""
    count = min(MOST_STEPS_DOWN, depth - lowest)
    opened = depth - lowest
    steps = {max(1, round(opened * (at + 1) / count)) for at in range(count)} | {1}
    return [depth - each for each in sorted(steps)]


ADAPTER_RANK = 8
"""In the paper's table of ranks 4 to 8 do as well as 64 (Hu et al. 2021, section 7.2)."""

ADAPTER_RATE = 1e-3
"""Ten times the topmost stage's, in every stage: adapters begin at nothing, and what they come to
is bounded by their rank."""


def adapted_stages(depth: int) -> int:
    """Return how many stages from the top get adapters: half.

    The frozen lower half, where nets are most general, then runs once and is read from the store.
    """
    return max(1, (depth + 1) // 2)


def tuning_epochs(samples: int) -> int:
    """Return for how many epochs a pretrained net is trained at most."""
    steps_an_epoch = max(1, samples // batch_size(samples))
    return max(5, min(12, round(TUNING_STEPS / steps_an_epoch)))


def tuning_patience(samples: int) -> int:
    """Return after how many epochs without a better validation score a plateau is reached."""
    return max(2, tuning_epochs(samples) // 4)


def kept_views(samples: int) -> int:
    """Return how many views' activations are kept: each costs a pass over the data, and room."""
    return 6 if samples <= 500 else 3 if samples <= 2000 else 2


def few(samples: int) -> bool:
    """Tell whether every example is learnt from in the end.

    A fifth of a few hundred is worth more as examples than what a second training costs: what there
    is to choose is chosen in a rehearsal, with that fifth held back.
    """
    return samples <= 2000


SPELLING_RATE = 2e-3
"""AdamW's peak rate for a layer that spells frames of stages that stay as they are."""

DECODER_RATE = 1e-4
"""For a pretrained decoder, tuned on what its frozen encoder gives."""

WRITING_STEPS = 2000
"""Transcription needs more steps than classification: it is learnt where words stand, too."""

WRITING_PASSES = 25
"""Steps between two looks at the validation side, which is transcribed for it."""


def writing_batch(samples: int) -> int:
    """Return how many clips are in a batch: sequences are long, and few of them suffice."""
    return 8 if samples < 1000 else 16


def writing_passes(samples: int) -> int:
    """Return how often an epoch goes over the clips: a few dozen are no epoch worth judging."""
    return max(1, round(WRITING_PASSES * writing_batch(samples) / max(1, samples)))


def writing_epochs(samples: int) -> int:
    """Return for how many epochs transcription is learnt at most."""
    steps = max(1, samples * writing_passes(samples) // writing_batch(samples))
    return max(5, min(80, round(WRITING_STEPS / steps)))


def writing_patience(samples: int) -> int:
    """Return after how many epochs without a better validation score training stops."""
    return max(3, writing_epochs(samples) // 4)


def validation_share(samples: int) -> float:
    """Return the share of the training side that training is watched on: a fifth, at most 2,000."""
    return min(0.2, 2000 / max(1, samples))


AUTO_TIMES = 10
"""`auto` takes at most about this many times what the probe takes, unless told."""

AUTO_LEAST = 60.0
"""Seconds that `auto` may take in any case. Nobody minds a minute, and the probe of a hundred
pictures is so quick that ten times as much has room for nothing."""

ONE_FOLD_FROM = 5000
"""From so many samples on, one fold tells rungs apart; below, up to all of them are asked."""

LEAST_TO_COMPARE = 50
"""With fewer samples, no difference that a deeper rung could make would be told from noise."""


def auto_seconds(probe: float) -> float:
    """Return how long `auto` may take where the probe takes so many seconds."""
    return max(AUTO_LEAST, AUTO_TIMES * probe)


def rungs(samples: int, depth: int) -> tuple[str, ...]:
    """Return the strategies that `auto` climbs to from the probe, the cheapest first.

    `full`, with rates that decay from stage to stage, stands for everything trainable; `gradual`
    goes the same way in more steps.
    """
    if samples < LEAST_TO_COMPARE:
        return ()
    return ("partial", "full") if depth > 1 else ("full",)


def fold_count(samples: int) -> int:
    """Return into how many folds cross-validation cuts: five, fewer when data is plentiful."""
    return 5 if samples <= 20_000 else 3
