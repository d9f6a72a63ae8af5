"""`explain`: the plan of a `fit`, what it costs and why, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from headstart import cost, defaults
from headstart.choose import AUTO, PROBE, check_depth, check_stages, check_strategy, settle
from headstart.job import Job, plan
from headstart.opening import TEST_SHARE, open_data
from headstart.progress import Silent
from headstart.registry import TASKS
from headstart.schema import SPEECH, Phase
from headstart.writing import plan as writing
from headstart.writing.duration import expect_seconds


def explain(
    data: Any,
    *,
    backbone: str | None = None,
    strategy: str = AUTO,
    unfreeze: int | None = None,
    keep: float | None = None,
    task: str | None = None,
    image: str | None = None,
    audio: str | None = None,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    separator: str | None = None,
    test: Any = None,
    time: float | None = None,
    offline: bool = False,
    device: str | None = None,
) -> dict[str, Any]:
    """Return what `fit` would do with the same words: phases, rough seconds, and the reasons.

    Reads the list of the data, not the data; opens the backbone and times it on generated inputs.
    Learning to write is timed on a few of the clips.
    """
    about = check_strategy(strategy)
    check_depth(strategy, unfreeze, keep)
    if task is not None:
        TASKS.get(task)
    found = open_data(
        data,
        backbone=backbone,
        test=test,
        image=image,
        audio=audio,
        text=text,
        label=label,
        group=group,
        separator=separator,
        offline=offline,
        device=device,
        progress=Silent(),
    )
    opened, modality, samples = found.backbone, found.modality, found.found.samples
    everything = found.count
    learnt = len(samples) if found.found.test else round(len(samples) * (1 - TEST_SHARE))
    spent = cost.measure(opened, modality)
    one_pass = everything * spent.below(opened.depth)
    budget = time or defaults.auto_seconds(one_pass)
    writes, meant = found.task == SPEECH, settle(strategy, found.task)
    names = (PROBE, *defaults.rungs(learnt, opened.depth)) if meant == AUTO else (meant,)
    if meant != strategy:
        about = writing.TRANSCRIPTS
    job = Job(tuple(samples[:learnt]), (), found.task, backbone=opened.name, unfreeze=unfreeze)
    steps = []
    for name in names:
        check_stages(replace(job, strategy=name), opened)
        asked = replace(job, strategy=name)
        step: dict[str, Any] = {"strategy": name}
        if writes:
            phases = writing.plan_writing(asked, opened)
            step |= {
                "about": writing.about(name, opened),
                "seconds": expect_seconds(asked.samples, phases, opened, modality),
                "why": [writing.why(phase, opened, learnt) for phase in phases],
            }
        else:
            phases = plan(asked, opened)
            step |= {
                "about": check_strategy(name),
                "seconds": cost.seconds(phases, spent, learnt),
                "why": [_why(phase, opened.depth, learnt) for phase in phases],
            }
        steps.append(step | {"phases": [asdict(phase) for phase in phases]})
    return {
        "strategy": strategy,
        "about": about,
        "backbone": opened.name,
        "stages": [stage.name for stage in opened.stages],
        "modality": modality.name,
        "n": everything,
        "n_train": learnt,
        "features_seconds": one_pass,
        "budget_seconds": budget if meant == AUTO or time is not None else None,
        "steps": steps,
    }


def _why(phase: Phase, depth: int, samples: int) -> str:
    """Say in words what a phase does and why so."""
    if phase.objective == "solve":
        return "solve the head on features computed once; nothing in the backbone moves"
    first = phase.boundary + 1
    opened = f"stages {first} to {depth}" if first < depth else f"stage {depth}"
    opened = opened if phase.boundary else "every stage"
    beside = f"adapters of rank {phase.adapters} in " if phase.adapters else ""
    lowest = phase.backbone_rate * phase.decay ** (depth - 1 - phase.boundary)
    rates = f"rates: head {phase.rate:g}, top stage {phase.backbone_rate:g}, lowest {lowest:.1g}"
    below = (
        f"the {phase.boundary} stages below run once for each of {phase.views} views"
        if phase.boundary
        else f"every step runs all {depth} stages"
    )
    epochs = f"for {phase.epochs} epochs"
    if phase.patience:
        epochs = f"for at most {phase.epochs} epochs, or until {phase.patience} bring nothing"
    return f"train {beside}{opened} on {samples:,} examples {epochs}; {rates}; {below}"
