"""What training took from the backbone: how far each stage moved, and what is left of old skill.

The backbone as it was and as it is now are asked about the same reference inputs. Of each stage,
linear CKA (Kornblith et al. 2019, arXiv:1905.00414) says how alike the two see them: 1 where the
readings are the same up to rotation and scale, 0 where they have nothing in common.

Of what the backbone could do, its old classifier tells: how often it gives the answer it gave
before, and how much of what it tells one input from another by is kept: the correlation of its
scores before and after, over its classes. A shift that is the same for all inputs is taken out of
the latter, because any new head undoes it. On the bundled image net so measured, 50 steps at the
usual rate left 0.80 to 0.87, at ten times that 0.62, at a hundred times 0.03; its right answers on
photographs, shift undone, came to 0.92, 0.68 and 0 of what they were. Where the references have
labels, a head learnt on the old readings is asked on the new ones; where they have transcripts, the
words are counted that the checkpoint wrote wrongly of them, and that the new model does.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart import dataset
from headstart.asked import Words
from headstart.backbones.base import Backbone, State
from headstart.backbones.source import open_backbone, open_writer
from headstart.dataset.splits import folds as cut_folds
from headstart.errors import DataError, UnreadableInput
from headstart.features import BATCH, forward_all
from headstart.heads import Reading
from headstart.heads.candidates import leading
from headstart.heads.ridge import Ridge
from headstart.job import Job, plan
from headstart.metrics import paired, wilson
from headstart.modalities.base import Arrays, Modality
from headstart.model import Model
from headstart.schema import Figure, InputSpec, Said, Sample
from headstart.speech.model import Scribe
from headstart.writing.forgotten import wrong_words

GENERATED = 128
MOST = 256
"""How many reference inputs are asked about: a share of them is known to 6 points in 100."""

SEED = 7
PRIORS = (0.1, 1.0, 10.0, 100.0)
LISTENED = 64
"""So many recordings with transcripts are written down, which takes longer than reading them."""

LITTLE, MUCH = 0.25, 0.4
"""Shares of old skill: less than the one is little to lose, the other is too much."""

READING, SCORES = "reading", "scores"


@dataclass(frozen=True)
class Reference:
    """Inputs that a backbone is asked about before and after, prepared; with labels if they are.

    `spoken` are those of which it is known what is said in them, or some of those.
    """

    name: str
    windows: tuple[list[Arrays], ...]
    targets: tuple[str, ...] | None = None
    spoken: tuple[Sample, ...] = ()


def generated(modality: Modality, spec: InputSpec) -> Reference:
    """Return reference inputs made from a seed: the same for everybody, and nobody's data."""
    raws = modality.varied(spec, seed=SEED, count=GENERATED)
    windows = tuple(modality.windows(raw, spec) for raw in raws)
    return Reference(f"{GENERATED} generated inputs", windows)


def remembered(
    data: Any,
    name: str,
    modality: Modality,
    spec: InputSpec,
    columns: tuple[str, str] | None = None,
) -> Reference | None:
    """Return reference inputs from a folder or table of the user's, evenly spread over it.

    `columns` are those of recordings and of what is said in them, where that is what is learnt.
    """
    if data is None:
        return None
    if isinstance(data, str | os.PathLike) and Path(data).expanduser().is_dir():
        columns = None
    path, transcript = columns or (None, None)
    found = dataset.scan(
        data,
        suffixes=modality.suffixes,
        inline=modality.inline,
        timed=modality.timed,
        input_column=path,
        transcript=transcript,
    )
    samples = (*found.samples, *(found.test or ()))
    chosen = [samples[at] for at in np.unique(np.linspace(0, len(samples) - 1, MOST).astype(int))]
    kept: list[tuple[Sample, list[Arrays]]] = []
    why = ""
    for sample in chosen:
        try:
            source = sample.input.text if isinstance(sample.input, Words) else sample.input
            kept.append((sample, modality.windows(modality.read(source), spec)))
        except UnreadableInput as error:
            why = f" ({sample.name}: {error.message})"
    if len(kept) < 4:
        raise DataError(
            f"Of {len(chosen)} inputs to remember by, {len(kept)} can be read{why}.",
            "Give --remember a folder or table with more inputs, a hundred or so.",
        )
    targets = [sample.target for sample, _ in kept]
    spoken = [sample for sample, _ in kept if isinstance(sample.target, Said)]
    labelled = found.labelled and all(isinstance(target, str) for target in targets)
    return Reference(
        f"{len(kept)} inputs of {name}",
        tuple(windows for _, windows in kept),
        tuple(targets) if labelled else None,
        tuple(spoken[:: max(1, math.ceil(len(spoken) / LISTENED))]),
    )


def look_back(
    model: Model, job: Job, untrained: str, reference: Reference | None
) -> dict[str, Any]:
    """Return what making a model took from its backbone, as JSON-ready values.

    `untrained` is the backbone's fingerprint from before. It is opened again only if it changed.
    """
    spoken = reference.spoken if reference and isinstance(model, Scribe) else ()
    if model.backbone.fingerprint() == untrained and not spoken:
        return _nothing("Nothing was forgotten: the backbone was not touched.")
    if any(each.fresh for each in plan(replace(job, strategy=model.strategy), model.backbone)):
        return _nothing("All was forgotten on purpose: the weights were made anew.")
    reopen = open_writer if isinstance(model, Scribe) else open_backbone
    before = reopen(job.backbone, offline=job.offline).to(model.backbone.device)
    modality = model.modality
    asked = reference or generated(modality, before.spec)
    found = compare(before, model.backbone, modality, asked)
    if spoken and isinstance(model, Scribe) and (wrong := wrong_words(model, before, spoken)):
        some = "" if len(spoken) == len(asked.windows) else f"{len(spoken)} of "
        return found | _in_words(wrong, some + asked.name, found)
    return found


def _in_words(wrong: Mapping[str, Any], name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is lost as told by wrong words; of a checkpoint that got none right, nothing."""
    was, now = (wrong[moment]["value"] for moment in ("before", "after"))
    how = f"its word error rate on {name} was {percent(was)}, and is {percent(now)}"
    lost = None if was >= 1 else min(1.0, max(0.0, (now - was) / (1 - was)))
    if lost is None:
        return {"words": wrong, "says": f"{found['says']} Before and after, {how}."}
    return {"words": wrong, "lost": lost, "says": sentence(lost, how, found["stages"])}


def _nothing(says: str) -> dict[str, Any]:
    return {"reference": None, "stages": [], "lost": None, "says": says}


def compare(
    before: Backbone, after: Backbone, modality: Modality, reference: Reference
) -> dict[str, Any]:
    """Return what training took from a backbone, as JSON-ready values."""
    old, new = (ask(each, modality, reference.windows) for each in (before, after))
    stages = [
        {"stage": stage.name, "cka": linear_cka(old[at, READING], new[at, READING])}
        for at, stage in enumerate(before.stages, start=1)
    ]
    found: dict[str, Any] = {"reference": reference.name, "stages": stages}
    lost, how = None, ""
    scores = (before.depth, SCORES)
    if scores in old and scores in new:
        same = float((old[scores].argmax(1) == new[scores].argmax(1)).mean())
        kept = likeness(old[scores], new[scores])
        found["agreement"] = asdict(wilson(same, len(reference.windows)))
        found["kept"] = asdict(kept)
        lost = 1 - kept.value
        how = (
            f"of what its old classifier tells {reference.name} apart by, "
            f"{percent(kept.value)} is kept"
        )
    if skill := probe(old, new, before.depth, reference):
        found["skill"] = skill
        was, now, guess = skill["before"]["value"], skill["after"]["value"], skill["guess"]
        if skill["before"]["low"] > guess:
            lost = min(1.0, max(0.0, (was - now) / (was - guess)))
            how = (
                f"a head learnt on what it read before is right on {percent(was)} of "
                f"{reference.name}, and on {percent(now)} by what it reads now"
            )
    return {**found, "lost": lost, "says": sentence(lost, how, stages)}


def sentence(lost: float | None, how: str, stages: Sequence[Mapping[str, Any]]) -> str:
    """Say what was lost, in a sentence or two."""
    if lost is None:
        alike = stages[-1]["cka"]
        return (
            "Nothing here asks for its old skill; its last stage sees the reference inputs "
            f"{alike:.2f} alike (1: as before)."
        )
    if lost < LITTLE:
        return f"Little of what the backbone knew was lost: {how}."
    said = f"The backbone lost {percent(lost)} of what it knew: {how}."
    if lost < MUCH:
        return said
    return (
        f"{said} That is more than learning something new should take: --keep 0.5 mixes old "
        "weights back in, --strategy partial moves fewer."
    )


def percent(share: float) -> str:
    """Return a share as `41 %`."""
    return f"{100 * share:.0f} %"


def likeness(before: np.ndarray, after: np.ndarray) -> Figure:
    """Return the mean correlation of each input's scores, what all inputs share taken out."""
    own = [scores - scores.mean(0) for scores in (before.astype(np.float64), after)]
    own = [scores - scores.mean(1, keepdims=True) for scores in own]
    lengths = [np.sqrt((scores**2).sum(1)) for scores in own]
    together = (own[0] * own[1]).sum(1)
    each = together / np.maximum(lengths[0] * lengths[1], 1e-12)
    mean = paired(np.zeros_like(each), each)
    return Figure(*(float(np.clip(end, 0.0, 1.0)) for end in (mean.value, mean.low, mean.high)))


def ask(
    backbone: Backbone, modality: Modality, inputs: Sequence[list[Arrays]]
) -> dict[Reading, np.ndarray]:
    """Return what every stage reads of some inputs, and the old classifier's scores of them."""
    classify = backbone.classify

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        vectors = backbone.read(state, boundary)
        found = {READING: vectors[leading(vectors)]}
        if boundary == backbone.depth and classify is not None:
            found[SCORES] = classify(state)
        return found

    def turns() -> Iterator[list[tuple[int, list[Arrays]]]]:
        for start in range(0, len(inputs), BATCH):
            yield list(enumerate(inputs[start : start + BATCH], start))

    rows: dict[int, dict[Reading, np.ndarray]] = {}
    watched = replace(backbone, reader=read)
    wanted = set(range(1, backbone.depth + 1))
    for done in forward_all(turns(), modality, watched, "float32", wanted):
        rows.update(done)
    return {each: np.stack([rows[at][each] for at in range(len(inputs))]) for each in rows[0]}


def linear_cka(before: np.ndarray, after: np.ndarray) -> float:
    """Return how alike two sets of vectors of the same inputs are, from 0 to 1.

        CKA(K, L) = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)),   K = X Xᵀ, L = Y Yᵀ

    With fewer inputs than channels the plain HSIC, |Yᵀ X|² of centred vectors, finds likeness in
    pure chance. So the unbiased one is taken (Song et al. 2012; Nguyen et al. 2021,
    arXiv:2010.15327), in which the diagonals of K and L are 0:

        tr(KL) + (1ᵀK1)(1ᵀL1) / ((n - 1)(n - 2)) - 2 (1ᵀKL1) / (n - 2),   up to a factor of n
    """
    first, second = (_gram(each) for each in (before, after))
    if np.array_equal(first, second):
        return 1.0
    spread = _hsic(first, first) * _hsic(second, second)
    if spread <= 0:  # one of them no longer tells any input from another
        return 0.0
    return float(np.clip(_hsic(first, second) / np.sqrt(spread), 0.0, 1.0))


def _gram(vectors: np.ndarray) -> np.ndarray:
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    products: np.ndarray = centred @ centred.T
    np.fill_diagonal(products, 0.0)
    return products


def _hsic(first: np.ndarray, second: np.ndarray) -> float:
    n = len(first)
    both = first.sum() * second.sum() / ((n - 1) * (n - 2))
    shared = first.sum(0) @ second.sum(0) / (n - 2)
    return float((first * second).sum() + both - 2 * shared)


def probe(
    old: Mapping[Reading, np.ndarray],
    new: Mapping[Reading, np.ndarray],
    depth: int,
    reference: Reference,
) -> dict[str, Any] | None:
    """Return how often a head learnt on old readings is right with them, and with the new ones.

    It learns on one half and is asked about the other, both ways round; old and new readings are
    standardised each by their own. `guess` is what naming the most common class gets. None where
    there are no labels, or too few examples of one.
    """
    if reference.targets is None:
        return None
    names, encoded = np.unique(np.array(reference.targets), return_inverse=True)
    counts = np.bincount(encoded)
    if len(names) < 2 or counts.min() < 4:
        return None
    last, n = (depth, READING), len(encoded)
    readings = [
        (each[last] - each[last].mean(0)) / (each[last].std(0) + 1e-6) for each in (old, new)
    ]
    halves = cut_folds(encoded, np.arange(n), 2, SEED)
    right = np.zeros((2, n))
    for half in (0, 1):
        learning, asked = np.flatnonzero(halves != half), np.flatnonzero(halves == half)
        truth = encoded[learning]
        inner = cut_folds(truth, np.arange(len(truth)), 2, SEED)
        ridge = Ridge({last: readings[0][learning]}, truth, inner, "softmax", len(names))
        found = (ridge.out_of_fold([last], PRIORS).argmax(2) == truth).mean(1)
        head = ridge.final([last], PRIORS[int(found.argmax())])
        for row, vectors in enumerate(readings):
            right[row, asked] = head.logits(vectors[asked]).argmax(1) == encoded[asked]
    before, after = (asdict(wilson(float(row.mean()), n)) for row in right)
    return {"before": before, "after": after, "guess": float(counts.max() / n)}
