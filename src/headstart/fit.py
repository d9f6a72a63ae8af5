"""`fit`: seal the test set, learn, evaluate once, and hand over a model with its evidence."""

from __future__ import annotations

import time as clock
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from headstart import __version__, by_stage, domain, forgetting, model_folder, patches
from headstart.asked import labels_of
from headstart.backbones.source import stronger_on_this_machine
from headstart.check import examine, find_mislabels
from headstart.choose import PROBE, check_depth, check_stages, check_strategy, make, settle
from headstart.errors import HeadstartError, UserError
from headstart.evaluate import judge, name_of, plain
from headstart.job import Job
from headstart.model import Model
from headstart.novelty import FALSE_ALARMS
from headstart.opening import Opened, Sealed, Sides, open_data, seal_test
from headstart.plain import always
from headstart.precision import expected_seconds
from headstart.progress import Progress, Silent
from headstart.ragged import flat
from headstart.registry import TASKS
from headstart.resume import open_journal
from headstart.schema import SPEECH, Sample, Unreadable
from headstart.speech.model import Scribe
from headstart.tasks.base import Task
from headstart.writing.plan import TRANSCRIPTS
from headstart.writing.plan import about as about_writing

FORMAT = 1
SHOWN_MISTAKES = 12


def fit(
    data: Any,
    *,
    out: str | Path | None = None,
    backbone: str | None = None,
    strategy: str = "auto",
    unfreeze: int | None = None,
    keep: float | None = None,
    remember: Any = None,
    task: str | None = None,
    test: Any = None,
    image: str | None = None,
    audio: str | None = None,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    separator: str | None = None,
    seed: int = 0,
    time: float | None = None,
    offline: bool = False,
    device: str | None = None,
    strict: bool = False,
    self_contained: bool = False,
    merge: bool = False,
    restart: bool = False,
    pictures: bool = True,
    progress: Progress | None = None,
) -> Model:
    """Train a model on labelled data and judge it on a part that no choice has seen.

    `data` is a folder with a sub-folder per class, a CSV, JSON Lines or Parquet file, or a
    DataFrame; `image` or `audio` (of files) or `text` (two columns make pairs) and `label` choose
    a table's columns; `audio` and `text` together are recordings and what is said in them.
    `backbone` is the bundled one for the kind of data unless named. `test` is a held-out set of
    your own, in the same form; without one, a fifth is sealed after near-duplicates are grouped.
    `time` is a budget in seconds, `device` where to compute (`cpu`, `cuda`, `mps`): on the best
    device there is unless named.
    `strategy` is how deep to go; `unfreeze` is how many of the top stages `partial`, `gradual` and
    `lora` train, and `keep` how much of the old weights is kept after training (0 to 1). `merge`
    adds the adapters of `lora` to the weights beside them. `remember` holds inputs, labelled or
    not, on which to see what the backbone forgot. A run that was interrupted goes on when the same
    call is made again; `restart` throws away what it had done.
    With `out` the model folder is written there, in place of a model that is there. The evidence
    is in `model.evaluation`.

    >>> import headstart as hs                                          # doctest: +SKIP
    >>> model = hs.fit("photos/", out="bees/")                          # doctest: +SKIP
    >>> model.evaluation["test"]["macro_f1"]                            # doctest: +SKIP
    {'value': 0.94, 'low': 0.90, 'high': 0.97}
    """
    begun = clock.perf_counter()
    progress = progress or Silent()
    _check_numbers(seed, time)
    about = check_strategy(strategy)
    check_depth(strategy, unfreeze, keep, merge)
    if task is not None:
        TASKS.get(task)
    if out is not None:
        model_folder.check_folder(Path(out))
        if model_folder.holds_model(Path(out)):
            progress.say(
                f"{out} holds a model: it stays until the new one is done, which then replaces it."
            )
    opened = open_data(
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
        progress=progress,
    )
    modality, net = opened.modality, opened.backbone
    spoken = (audio, text) if audio and isinstance(text, str) else None
    reference = forgetting.remembered(remember, name_of(remember), modality, net.spec, spoken)
    asked = Job(
        opened.found.samples,
        (),
        opened.task,
        backbone=opened.source,
        strategy=strategy,
        unfreeze=unfreeze,
    )
    check_stages(asked, net)
    strategy, about = _settle(strategy, about, opened, progress)
    _announce(opened, strategy, about, progress)
    sealed = seal_test(opened, task=task, seed=seed, strict=strict, progress=progress)
    sides, labels, kind = sealed.sides, sealed.labels, sealed.task

    solving = clock.perf_counter()
    budget = None if time is None else max(1.0, time - (solving - begun))
    job = Job(
        samples=sides.train,
        labels=labels,
        task=kind.name,
        modality=modality.name,
        backbone=opened.source,
        strategy=strategy,
        seed=seed,
        seconds=budget,
        offline=offline,
        unfreeze=unfreeze,
        keep=keep,
    )
    untrained = net.fingerprint()
    gap = domain.measure(net, modality, job.samples, sealed.learning.shelf)
    journal = open_journal(job, net, time, out, restart)
    try:
        model = make(job, backbone=net, progress=progress, journal=journal)
    except HeadstartError:
        journal.done()  # it would end the same way again
        raise
    if merge:
        model.merge()
    head_seconds = clock.perf_counter() - solving

    model.evaluation = _evidence(model, sides, sealed.set_aside, kind, seed, progress)
    model.evaluation["data"]["notes"] = list(opened.found.notes)
    model.evaluation["data"]["source"] = opened.name
    model.evaluation["findings"] = _findings(model, sealed)
    model.evaluation["domain"] = gap
    model.evaluation["forgetting"] = forgetting.look_back(model, job, untrained, reference)
    model.evaluation["stages"] = by_stage.measure(job, kind, net, sealed.learning.shelf)
    model.evaluation["stages"]["patches"] = []
    if pictures:
        found, shown = patches.find(net, modality, kind, job.samples, labels)
        model.evaluation["stages"]["patches"] = found
        model.pictures = _show_mistakes(model, sides.test) | shown
    model.evaluation["seconds"] = {
        "features": sealed.seconds,
        "head": head_seconds,
        "total": clock.perf_counter() - begun,
    }
    if out is not None:
        model.save(out, self_contained=self_contained)
    journal.done()
    return model


def _check_numbers(seed: Any, time: Any) -> None:
    """Refuse at once what would otherwise break after the long pass."""
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise UserError(f"The seed {seed!r} cannot be used.", "Give a whole number from 0 up.")
    if time is not None and not (isinstance(time, int | float) and time > 0):
        raise UserError(
            f"The time {time!r} cannot be used.",
            "Give seconds, more than 0 (600 is ten minutes), or None.",
        )


def _settle(strategy: str, about: str, opened: Opened, progress: Progress) -> tuple[str, str]:
    """Return the strategy that is meant for the task and what it does; say it where it was open."""
    if opened.task != SPEECH:
        return strategy, about
    meant = settle(strategy, opened.task)
    if meant != strategy:
        progress.say(TRANSCRIPTS)
    return meant, about_writing(meant, opened.backbone)


def _announce(opened: Opened, strategy: str, about: str, progress: Progress) -> None:
    """Say what is about to happen and roughly how long it takes."""
    count, backbone, modality = opened.count, opened.backbone, opened.modality
    seconds = count * expected_seconds(backbone, modality)
    long = f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{max(2, round(seconds))} seconds"
    if strategy == PROBE and opened.task != SPEECH:
        rest = f"one pass over {count:,} inputs, about {long} unless they are in the store"
    else:
        rest = f"a pass over {count:,} inputs takes about {long}; training makes many"
    progress.say(f"{strategy} on {backbone.name} ({about}): {rest}.")
    stronger = stronger_on_this_machine(modality.name)
    if backbone.name.startswith("bundled/") and stronger:
        progress.say(f"A stronger backbone is on this machine: --backbone {stronger[0].name}")
    if backbone.opaque:
        progress.say(f"{backbone.name} is of a family that headstart takes as one stage.")


def _evidence(
    model: Model,
    sides: Sides,
    set_aside: Sequence[Unreadable],
    task: Task,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """Open the sealed test, once, and write down what it says."""
    evaluation, known = judge(model, sides.test, seed, progress)
    counts = Counter(_each_label(sides))
    evidence: dict[str, Any] = {
        "format": FORMAT,
        "headstart": __version__,
        **plain(evaluation),
        "modality": model.modality.name,
        "n_train": len(sides.train),
        "strategy": model.strategy,
        "backbone": model.backbone.name,
        "licence": model.backbone.card.licence,
        "choices": [asdict(choice) for choice in model.choices],
        "baseline": _baseline(model, sides, task, seed),
        "unknown": {}
        if isinstance(model, Scribe)
        else {"rate_on_test": float(1 - known.mean()), "stated": FALSE_ALARMS},
        "data": {
            "counts": {label: counts[label] for label in evaluation.labels},
            "split": sides.sentence,
            "set_aside": [asdict(each) for each in set_aside],
            "twins": {"groups": len(sides.twins), "across": len(sides.across)},
        },
        "seed": seed,
    }
    if sides.across:
        apart = [sample for sample in sides.test if sample.group not in sides.across]
        if apart:
            fair, _ = judge(model, apart, seed, progress)
            evidence["test_without_twins"] = plain(fair)["test"] | {"n": len(apart)}
    return evidence


def _each_label(sides: Sides) -> list[str]:
    return [label for each in (*sides.train, *sides.test) for label in labels_of(each.target)]


def _baseline(model: Model, sides: Sides, task: Task, seed: int) -> dict[str, Any]:
    """Judge saying the same of every row: what is most common on the training side."""
    if isinstance(model, Scribe):
        return {"what": task.guess}
    encoded = task.encode([sample.target for sample in sides.train], model.labels)
    what, shares = always(task, encoded, len(model.labels))
    truth = task.encode([sample.target for sample in sides.test], model.labels)
    names = [sample.name for sample in sides.test]
    groups = [sample.group for sample in sides.test]
    answers = np.broadcast_to(shares, (len(flat(truth)), len(shares)))
    figures = task.evaluate(answers, truth, model.labels, names, groups, seed).figures
    return {"what": what} | {
        name: asdict(figures[name]) for name in ("accuracy", task.headline) if name in figures
    }


def _findings(model: Model, sealed: Sealed) -> list[dict[str, Any]]:
    """Look at the data as `check` does, and for likely mislabels among what was learnt from."""
    sides = sealed.sides
    findings = list(
        examine(
            sealed.learning.samples,
            model.modality,
            test=sealed.testing.samples if sealed.testing else (),
            set_aside=sealed.set_aside,
            twins=sides.twins,
        )
    )
    encoded = model.task.encode([sample.target for sample in sides.train], model.labels)
    if model.out_of_fold is not None and isinstance(encoded, np.ndarray) and encoded.ndim == 1:
        probabilities = model.task.probabilities(model.out_of_fold, model.head.temperature)
        kept = next(choice for choice in model.choices if choice.kept)
        shares = model.task.shares(encoded, len(model.labels))
        always = model.task.score(np.broadcast_to(shares, (len(encoded), len(shares))), encoded)
        # Naming classes at random, each as often as it comes, gets its share of each right.
        if kept.low <= max(always, shares.mean()):  # who knows nothing suspects everything
            return [asdict(finding) for finding in findings]
        names = [sample.name for sample in sides.train]
        findings += find_mislabels(probabilities, encoded, model.labels, names)
    return [asdict(finding) for finding in findings]


def _show_mistakes(model: Model, samples: Sequence[Sample]) -> dict[str, dict[str, str]]:
    """Return small pictures (or whatever the modality shows) of the worst mistakes, by name."""
    wanted = {m["name"] for m in model.evaluation["mistakes"][:SHOWN_MISTAKES]}
    return {
        sample.name: model.modality.show(model.modality.read(sample.input))
        for sample in samples
        if sample.name in wanted
    }
