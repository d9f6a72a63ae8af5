"""`fit`: seal the test set, learn, evaluate once, and hand over a model with its evidence."""

from __future__ import annotations

import time as clock
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from headstart import __version__, dataset, domain, features, forgetting, model_folder
from headstart.asked import labels_of
from headstart.backbones.base import Backbone
from headstart.backbones.source import open_backbone, stronger_on_this_machine
from headstart.check import examine, find_mislabels
from headstart.choose import PROBE, check_depth, check_stages, check_strategy, make
from headstart.dataset import splits
from headstart.errors import DataError, HeadstartError, UserError
from headstart.evaluate import judge, name_of, plain, raise_none_readable, raise_strict
from headstart.features import Survey
from headstart.job import Job
from headstart.modalities.base import Modality
from headstart.model import Model
from headstart.novelty import FALSE_ALARMS
from headstart.precision import expected_seconds
from headstart.progress import Progress, Silent
from headstart.ragged import flat
from headstart.recognise import recognise, require_fitting
from headstart.registry import TASKS
from headstart.resume import open_journal
from headstart.schema import Sample, Unreadable
from headstart.tasks.base import Task, refuse_other_task

FORMAT = 1
TEST_SHARE = 0.2
SHOWN_MISTAKES = 12
LIKELY = 0.51
"""A probability at which a label is said."""


@dataclass(frozen=True)
class Sides:
    """The data cut in two: what may be learnt from, and what is opened once.

    `twins` are the groups of near-duplicates, as positions in what was read (to learn from, then
    the user's own test). `across` names the groups with members on both sides, which only a user's
    own split can have.
    """

    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    sentence: str
    twins: list[list[int]]
    across: frozenset[str]


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
    a table's columns. `backbone` is the bundled one for the kind of data unless named. `test` is a
    held-out set of your own, in the same form; without one, a fifth is sealed after near-duplicates
    are grouped. `time` is a budget in seconds.
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
    modality, column = recognise(data, {"image": image, "audio": audio, "text": text})
    found = dataset.read(
        data,
        suffixes=modality.suffixes,
        inline=modality.inline,
        timed=modality.timed,
        input_column=column,
        label=label,
        group=group,
        separator=separator,
        test=test,
    )
    for note in found.notes:
        progress.say(note)
    backbone = backbone or f"bundled/{modality.name}"
    opened = open_backbone(backbone, offline=offline)
    require_fitting(opened, modality, name_of(data))
    reference = forgetting.remembered(remember, name_of(remember), modality, opened.spec)
    asked = Job(tuple(found.samples), (), backbone=backbone, strategy=strategy, unfreeze=unfreeze)
    check_stages(asked, opened)
    count = len(found.samples) + len(found.test or ())
    _announce(count, opened, modality, strategy, about, progress)

    surveyed = clock.perf_counter()
    learning = features.survey(found.samples, modality, opened, progress)
    testing = features.survey(found.test, modality, opened, progress) if found.test else None
    feature_seconds = clock.perf_counter() - surveyed
    set_aside = (*found.set_aside, *learning.set_aside, *(testing.set_aside if testing else ()))
    if strict and set_aside:
        raise_strict(set_aside[0].name, set_aside[0].why, len(set_aside))
    dataset.require_trainable(learning.samples, multi=found.multi)
    if testing and not testing.samples:
        raise_none_readable(testing.set_aside)

    kind = _task(task, learning.samples, progress)
    learning = _placed(learning, kind, modality, opened)
    testing = _placed(testing, kind, modality, opened) if testing else None
    labels = kind.labels([sample.target for sample in learning.samples])
    sides = _divide(learning, testing, kind, labels, modality, seed)
    progress.say(sides.sentence)

    solving = clock.perf_counter()
    budget = None if time is None else max(1.0, time - (solving - begun))
    job = Job(
        samples=sides.train,
        labels=labels,
        task=kind.name,
        modality=modality.name,
        backbone=backbone,
        strategy=strategy,
        seed=seed,
        seconds=budget,
        offline=offline,
        unfreeze=unfreeze,
        keep=keep,
    )
    untrained = opened.fingerprint()
    gap = domain.measure(opened, modality, job.samples, learning.shelf)
    journal = open_journal(job, opened, time, out, restart)
    try:
        model = make(job, backbone=opened, progress=progress, journal=journal)
    except HeadstartError:
        journal.done()  # it would end the same way again
        raise
    if merge:
        model.merge()
    head_seconds = clock.perf_counter() - solving

    model.evaluation = _evidence(model, sides, set_aside, kind, seed, progress)
    model.evaluation["data"]["notes"] = list(found.notes)
    model.evaluation["data"]["source"] = name_of(data)
    model.evaluation["findings"] = _findings(model, sides, learning, testing, set_aside)
    model.evaluation["domain"] = gap
    model.evaluation["forgetting"] = forgetting.look_back(model, job, untrained, reference)
    if pictures:
        model.pictures = _show_mistakes(model, sides.test)
    model.evaluation["seconds"] = {
        "features": feature_seconds,
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


def _announce(
    count: int,
    backbone: Backbone,
    modality: Modality,
    strategy: str,
    about: str,
    progress: Progress,
) -> None:
    """Say what is about to happen and roughly how long it takes."""
    seconds = count * expected_seconds(backbone, modality)
    long = f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{max(2, round(seconds))} seconds"
    if strategy == PROBE:
        rest = f"one pass over {count:,} inputs, about {long} unless they are in the store"
    else:
        rest = f"a pass over {count:,} inputs takes about {long}; training makes many"
    progress.say(f"{strategy} on {backbone.name} ({about}): {rest}.")
    stronger = stronger_on_this_machine(modality.name)
    if backbone.name.startswith("bundled/") and stronger:
        progress.say(f"A stronger backbone is on this machine: --backbone {stronger[0].name}")
    if backbone.opaque:
        progress.say(f"{backbone.name} is of a family that headstart takes as one stage.")


def _task(name: str | None, samples: Sequence[Sample], progress: Progress) -> Task:
    """Return the task that was asked for, or the first that the targets look like, said aloud."""
    targets = [sample.target for sample in samples]
    if name is not None:
        chosen: Task = TASKS.get(name)()
        refuse_other_task(chosen, targets)
        return chosen
    chosen = next(task for task in (TASKS.get(n)() for n in TASKS.names()) if task.suits(targets))
    progress.say(f"Task: {chosen.name}, judged by {chosen.headline}.")
    return chosen


def _placed(found: Survey, task: Task, modality: Modality, backbone: Backbone) -> Survey:
    """Return a survey whose targets say where their rows stand, if the task has to know."""
    return replace(found, samples=task.place(found.samples, modality, backbone.spec))


def _divide(
    learning: Survey,
    testing: Survey | None,
    task: Task,
    labels: tuple[str, ...],
    modality: Modality,
    seed: int,
) -> Sides:
    """Group near-duplicates, then take the user's own test or seal a fifth; groups stay whole."""
    own = testing.samples if testing else ()
    samples = [*learning.samples, *own]
    keys = [sample.key for sample in samples]
    twins = modality.twins(learning.sketches.gather("sketch", keys))
    groups = splits.join_groups(samples, twins)
    grouped = [
        replace(sample, group=str(number)) for sample, number in zip(samples, groups, strict=True)
    ]
    if own:
        cut = len(learning.samples)
        across = frozenset(groups[:cut]) & frozenset(groups[cut:])
        return Sides(
            tuple(grouped[:cut]),
            tuple(grouped[cut:]),
            f"Test: your own {len(own):,}, opened once at the end.",
            twins,
            frozenset(str(number) for number in across),
        )
    encoded = task.encode([sample.target for sample in grouped], labels)
    train, test = splits.seal(task.mix(encoded), groups, share=TEST_SHARE, seed=seed)
    if not len(test):
        raise DataError(
            f"None of the {len(grouped):,} examples can be set apart as a test: those of a class "
            "all belong together (one group, or near-duplicates of each other).",
            "Add examples that differ, group them more finely, or give test data of your own.",
        )
    sets = "1 group of near-duplicates stays" if len(twins) == 1 else ""
    sets = sets or f"{len(twins):,} groups of near-duplicates stay"
    alike = f"; {sets} on one side" if twins else ""
    return Sides(
        tuple(grouped[at] for at in train),
        tuple(grouped[at] for at in test),
        f"Test: {len(test):,} of {len(grouped):,} sealed before anything is chosen{alike}.",
        twins,
        frozenset(),
    )


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
        "unknown": {"rate_on_test": float(1 - known.mean()), "stated": FALSE_ALARMS},
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
    """Judge saying the same of every row: the share of each label on the training side."""
    encoded = task.encode([sample.target for sample in sides.train], model.labels)
    shares = task.shares(encoded, len(model.labels))
    if flat(encoded).ndim == 2:
        # Of a set of labels, naming them all is what F1 pays most for without looking.
        shares = np.maximum(shares, LIKELY)
    truth = task.encode([sample.target for sample in sides.test], model.labels)
    names = [sample.name for sample in sides.test]
    groups = [sample.group for sample in sides.test]
    always = np.broadcast_to(shares, (len(flat(truth)), len(shares)))
    figures = task.evaluate(always, truth, model.labels, names, groups, seed).figures
    return {"what": task.guess} | {
        name: asdict(figures[name]) for name in ("accuracy", task.headline) if name in figures
    }


def _findings(
    model: Model,
    sides: Sides,
    learning: Survey,
    testing: Survey | None,
    set_aside: Sequence[Unreadable],
) -> list[dict[str, Any]]:
    """Look at the data as `check` does, and for likely mislabels among what was learnt from."""
    own = testing.samples if testing else ()
    findings = list(
        examine(
            learning.samples,
            model.modality,
            test=own,
            set_aside=set_aside,
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
