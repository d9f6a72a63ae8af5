"""`explain`: the plan of a `fit`, what it costs and why, without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from headstart import cost, defaults
from headstart.choose import AUTO, PROBE, check_depth, check_stages, check_strategy
from headstart.job import Job, plan
from headstart.opening import TEST_SHARE, open_data
from headstart.progress import Silent
from headstart.registry import TASKS
from headstart.schema import SPEECH, Phase
from headstart.writing.learning import plan_writing


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
    writes = found.task == SPEECH
    rungs = () if writes else defaults.rungs(learnt, opened.depth)
    names = (PROBE, *rungs) if strategy == AUTO else (strategy,)
    job = Job(tuple(samples[:learnt]), (), found.task, backbone=opened.name, unfreeze=unfreeze)
    steps = []
    for name in names:
        check_stages(replace(job, strategy=name), opened)
        asked = replace(job, strategy=name)
        phases = plan_writing(asked, opened) if writes else plan(asked, opened)
        steps.append(
            {
                "strategy": name,
                "about": check_strategy(name),
                "seconds": cost.seconds(phases, spent, learnt),
                "phases": [asdict(phase) for phase in phases],
                "why": [_why(phase, opened.depth, learnt) for phase in phases],
            }
        )
    return {
        "strategy": strategy,
        "about": about,
        "backbone": opened.name,
        "stages": [stage.name for stage in opened.stages],
        "modality": modality.name,
        "n": everything,
        "n_train": learnt,
        "features_seconds": one_pass,
        "budget_seconds": budget if strategy == AUTO or time is not None else None,
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
