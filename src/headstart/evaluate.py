"""`evaluate`: what a model is worth on labelled samples, with intervals, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from headstart import dataset, features
from headstart.asked import labels_of
from headstart.errors import DataError
from headstart.job import group_numbers
from headstart.model import Model
from headstart.progress import Progress, Silent
from headstart.ragged import laid
from headstart.schema import Evaluation, Sample, Unreadable
from headstart.tasks.base import refuse_other_task


def judge(
    model: Model, samples: Sequence[Sample], seed: int, progress: Progress
) -> tuple[Evaluation, np.ndarray]:
    """Return a model's evaluation on labelled samples, and which of them it calls known."""
    found = features.survey(samples, model.modality, model.backbone, progress)
    vectors = features.vectors(found.shelf, found.samples, model.head.readings)
    placed = model.task.place(found.samples, model.modality, model.backbone.spec)
    encoded = model.task.encode([sample.target for sample in placed], model.labels)
    probabilities, known = model.judge(laid(vectors, encoded))
    groups = [str(number) for number in group_numbers(found.samples)]
    names = [sample.name for sample in found.samples]
    evaluation = model.task.evaluate(probabilities, encoded, model.labels, names, groups, seed)
    return evaluation, known


def plain(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as the JSON-ready values that every face renders."""
    return {
        "task": evaluation.task,
        "labels": list(evaluation.labels),
        "n_test": evaluation.n,
        "headline": evaluation.headline,
        "test": {name: asdict(figure) for name, figure in evaluation.figures.items()},
        "per_class": {
            label: {
                name: asdict(figure) if not isinstance(figure, int) else figure
                for name, figure in figures.items()
            }
            for label, figures in evaluation.per_class.items()
        },
        "confusion": [list(row) for row in evaluation.confusion],
        "mistakes": [dict(mistake) for mistake in evaluation.mistakes],
        "notes": list(evaluation.notes),
    }


def evaluate(
    model: Model,
    data: Any,
    *,
    image: str | None = None,
    audio: str | None = None,
    text: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    group: str | None = None,
    separator: str | None = None,
    strict: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Judge a model on labelled data that it has not seen; return the content of an evaluation.

    `image`, `audio` or `text`, `label`, `group` and `separator` choose the columns of a table, as
    in `fit`.
    """
    progress = progress or Silent()
    found = dataset.scan(
        data,
        suffixes=model.modality.suffixes,
        inline=model.modality.inline,
        timed=model.modality.timed,
        input_column={"image": image, "audio": audio, "text": text}.get(model.modality.name),
        label=label,
        group=group,
        separator=separator,
    )
    for note in found.notes:
        progress.say(note)
    if not found.labelled:
        raise DataError(
            f"'{data}' holds {len(found.samples):,} files and no class folders, so nothing says "
            "what is right.",
            "Sort them into a folder per class, or give a table with a label column.",
        )
    samples = [*found.samples, *(found.test or ())]
    _known_labels(samples, model)
    survey = features.survey(samples, model.modality, model.backbone, progress)
    set_aside = [*found.set_aside, *survey.set_aside]
    if strict and set_aside:
        raise_strict(set_aside[0].name, set_aside[0].why, len(set_aside))
    if not survey.samples:
        raise_none_readable(survey.set_aside)
    evaluation, known = judge(model, survey.samples, seed, progress)
    return {
        **plain(evaluation),
        "modality": model.modality.name,
        "strategy": model.strategy,
        "backbone": model.backbone.name,
        "unknown": {"rate_on_test": float(1 - known.mean())},
        "data": {
            "source": name_of(data),
            "set_aside": [asdict(each) for each in set_aside],
            "notes": list(found.notes),
        },
    }


def name_of(data: Any) -> str:
    """Return what data is called in evidence: a file's or folder's own name, never its path."""
    if isinstance(data, str | Path):
        return Path(data).resolve().name
    return f"a {type(data).__name__}"


def raise_strict(name: str, why: str, count: int) -> None:
    """Refuse data with inputs that cannot be read, as `--strict` asks."""
    raise DataError(
        f"{count} inputs cannot be used; the first is {name}: {why}",
        "Mend or remove them, or leave out --strict to set them aside.",
    )


def raise_none_readable(set_aside: Sequence[Unreadable]) -> None:
    """Refuse to judge by inputs of which not one can be read."""
    raise DataError(
        f"None of the {len(set_aside):,} inputs to judge by can be read; the first is "
        f"{set_aside[0].name}: {set_aside[0].why}",
        "Look at them with `headstart check`, and get them again from where they came.",
    )


def _known_labels(samples: Sequence[Sample], model: Model) -> None:
    refuse_other_task(model.task, [sample.target for sample in samples])
    said = {label for sample in samples for label in labels_of(sample.target)}
    known = model.task.spoken(model.labels)
    if strange := sorted(said - set(known)):
        cure = f"It knows {', '.join(known[:8])}{' …' if len(known) > 8 else ''}."
        for mark in (";", "|", ",") if model.task.kind == "sigmoid" else ():
            if {part.strip() for label in said for part in label.split(mark)} <= set(known):
                cure = f"Say what stands between several labels: --separator '{mark}'."
        raise DataError(
            f"The data has labels that the model does not know: {', '.join(strange[:5])}.", cure
        )
