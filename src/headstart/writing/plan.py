"""The phases of learning to write, and how they are told to a person.

The strategies are those of classification. Where characters are spelt their head is a layer of
them; where the backbone has a decoder it is that.
"""

from __future__ import annotations

from dataclasses import replace

from headstart import defaults, norms
from headstart.adapters import require_layers
from headstart.backbones.base import Backbone
from headstart.counting import count_things
from headstart.errors import UserError
from headstart.job import Job
from headstart.registry import STRATEGIES
from headstart.schema import Phase
from headstart.strategies.base import Facts

TRANSCRIPTS = (
    "auto is probe for transcripts, as trying others would take several times as long; name a "
    "deeper strategy to have it (--strategy partial, full or lora)."
)
"""What is said aloud where a person left the strategy open."""


def plan_writing(job: Job, backbone: Backbone) -> list[Phase]:
    """Return the phases of a job as they are for transcription; refuse what cannot be done.

    Where characters are spelt, the lowest stage, which hears the samples, stays as it is unless
    all is made anew: a few hundred clips teach it nothing.
    """
    depth = backbone.hearing
    if job.unfreeze is not None and not 1 <= job.unfreeze <= depth:
        raise UserError(
            f"{job.unfreeze} stages cannot be unfrozen: {backbone.name} has {depth} that hear.",
            f"Give --unfreeze a number from 1 to {depth}.",
        )
    facts = Facts(len(job.samples), 0, depth, job.unfreeze, *norms.last_norm(backbone))
    phases: list[Phase] = STRATEGIES.get(job.strategy)().phases(facts)
    if any(phase.objective == "estimate" for phase in phases):
        raise UserError(
            f"The strategy '{job.strategy}' has nothing to do for transcription.",
            "Use probe, partial, gradual, full, lora or scratch.",
        )
    done = [_phase(phase, len(job.samples), backbone) for phase in phases]
    for phase in done:
        if phase.adapters:
            require_layers(backbone, phase.boundary, phase.adapters)
    return done


def _phase(phase: Phase, samples: int, backbone: Backbone) -> Phase:
    writes = backbone.decoder is not None
    if phase.objective == "train":
        lowest = 0 if phase.fresh or writes else min(1, backbone.hearing - 1)
        # Rates fall from the last stage that writes, not from the last that hears.
        decay = 1.0 if phase.decay == 1.0 else defaults.layer_decay(backbone.depth)
        phase = replace(phase, boundary=max(lowest, phase.boundary), decay=decay)
    else:
        phase = Phase(
            "decoder" if writes else "characters",
            backbone.hearing,
            objective="train",
            rate=defaults.SPELLING_RATE,
            backbone_rate=defaults.DECODER_RATE,
            weight_decay=defaults.TUNING_WEIGHT_DECAY,
        )
    return replace(
        phase,
        epochs=defaults.writing_epochs(samples),
        patience=defaults.writing_patience(samples),
        batch_size=defaults.writing_batch(samples),
        smoothing=0.0,
        views=1,
    )


def about(strategy: str, backbone: Backbone) -> str:
    """Return in a few words what a strategy does for transcripts."""
    said = str(STRATEGIES.get(strategy)().about)
    if strategy == "probe":
        said = "frozen backbone, new layer that spells"
        if backbone.decoder is not None:
            said = "frozen encoder, the decoder tuned on what it gives"
    elif backbone.decoder is not None:
        said = said.replace("new head", "the decoder")
    return said.replace("new head", "new layer that spells")


def why(phase: Phase, backbone: Backbone, samples: int) -> str:
    """Say in words what a phase does, for how long, and what runs once."""
    writes, depth, boundary = backbone.decoder is not None, backbone.depth, phase.boundary
    head = "the decoder" if writes else "the layer that spells"
    first, last = boundary + 1, backbone.hearing
    with_it = f"stages {first} to {last}" if first < last else f"stage {last}"
    beside = f"adapters of rank {phase.adapters} in " if phase.adapters else ""
    what = head if boundary >= last else f"{beside}{with_it} with {head}"
    top = f"{phase.backbone_rate:g} for the top stage, falling to "
    top += f"{phase.backbone_rate * phase.decay ** (depth - 1 - boundary):.1g}"
    rates = f"{phase.rate:g} for {head}" + ("" if boundary >= last else f", {top}")
    if writes:
        rates = f"{phase.backbone_rate:g} for {head}" if boundary >= last else top
    stages = count_things(boundary, "stage below runs", "stages below run")
    below = f"the {stages} once" if boundary else f"every step runs all {depth} stages"
    return (
        f"train {what} on {samples:,} examples, for at most {phase.epochs} epochs or until "
        f"{phase.patience} bring nothing; rates: {rates}; {below}"
    )
