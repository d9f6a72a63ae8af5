"""How far data is from what a backbone was trained on, stage by stage, and what that suggests.

What a channel gives is described by its mean and variance, on the user's data and in pretraining,
and the two are compared by the Hellinger distance of the normal distributions they stand for:

    H² = 1 - sqrt(2 s t / (s² + t²)) exp(-(m - n)² / (4 (s² + t²)))     means m, n, deviations s, t

It is symmetric, knows no unit, and lies between 0 (the same) and 1 (nothing in common), so a dead
or a wild channel counts as one channel. H² is averaged over channels, then over stages, and its
root is the distance. A backbone that comes with what its readings were like in pretraining is
compared by readings, which are in the store already. Otherwise the running statistics of BatchNorm
layers say what they saw, and a few dozen inputs are run to compare. Where there is neither, nothing
is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from headstart import devices, features
from headstart.backbones.base import Backbone
from headstart.modalities.base import Modality
from headstart.norms import norm_layers, watching
from headstart.schema import Sample
from headstart.store import Shelf

READ = 512
"""How many examples' readings are compared: they only have to be looked up."""

RUN = 32
"""How many examples are run where nothing can be looked up; a map has many places, so few do."""

BATCH = 8
LEAST = 1e-5

LEVELS = {"readings": (0.33, 0.6), "norms": (0.17, 0.3)}
"""Below the first, near; from the second on, far.

Measured on the bundled image net: photos (flowers5, ants_bees) are at 0.20 to 0.25 by readings and
0.09 to 0.14 by norms; fashion900, brain_mri and X-rays at 0.44 to 0.55 and 0.20 to 0.23; cells at
0.68 and 0.44, noise at 0.86 and 0.37.
"""

ELSEWHERE = {
    "image": "timm/vit_small_patch14_dinov2.lvd142m, which learnt from more than photos of things",
}
PRETRAINING = {
    "image": "pretraining/image/README.md in the repository says how the bundled net is trained, "
    "on pictures of any kind",
}


def measure(
    backbone: Backbone, modality: Modality, samples: Sequence[Sample], shelf: Shelf
) -> dict[str, Any]:
    """Return how far samples are from what a backbone was trained on, as JSON-ready values.

    `shelf` holds their readings.
    """
    if backbone.reference:
        by, gaps = "readings", _by_readings(backbone, spread(samples, READ), shelf)
    elif norm_layers(backbone):
        by, gaps = "norms", _by_norms(backbone, modality, spread(samples, RUN))
    else:
        by, gaps = "", {}
    if not gaps:
        return {
            "distance": None,
            "by": None,
            "stages": [],
            "advice": f"Not known: nothing says what {backbone.name} read so in pretraining.",
        }
    stages = [
        {"stage": backbone.stages[at].name, "distance": float(np.sqrt(gap))}
        for at, gap in sorted(gaps.items())
    ]
    distance = float(np.sqrt(np.mean(list(gaps.values()))))
    return {
        "distance": distance,
        "by": by,
        "stages": stages,
        "advice": advise(distance, by, backbone),
    }


def advise(distance: float, by: str, backbone: Backbone) -> str:
    """Say what a distance suggests."""
    near, far = LEVELS[by]
    name = backbone.name
    if distance < near:
        return f"Near what {name} was trained on: stay on top, where a new head is likely to do."
    if distance < far:
        return (
            f"Some way from what {name} was trained on: going deeper pays more often here "
            "(--strategy auto tries it; partial and full do it)."
        )
    kind = backbone.spec.modality
    adapt = "adapt (--strategy adapt), " if norm_layers(backbone) else ""
    closer = f", such as {ELSEWHERE[kind]}" if kind in ELSEWHERE else " (`headstart backbones`)"
    more = f"; {PRETRAINING[kind]}" if kind in PRETRAINING else ""
    return (
        f"Far from what {name} was trained on: {adapt}go deeper (--strategy full), or where that "
        f"is not enough stand on a backbone pretrained closer to your data{closer}{more}."
    )


def spread(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return at most so many samples, evenly spread over all."""
    return [samples[at] for at in np.unique(np.linspace(0, len(samples) - 1, most).astype(int))]


def hellinger(
    mean: np.ndarray, variance: np.ndarray, other_mean: np.ndarray, other_variance: np.ndarray
) -> float:
    """Return the squared distance of two descriptions of the same channels, their average."""
    first, second = variance + LEAST, other_variance + LEAST
    both = first + second
    overlap = np.sqrt(2 * np.sqrt(first * second) / both)
    apart = np.exp(-((mean - other_mean) ** 2) / (4 * both))
    return float(np.mean(1 - overlap * apart))


def _by_readings(backbone: Backbone, samples: Sequence[Sample], shelf: Shelf) -> dict[int, float]:
    keys = [sample.key for sample in samples]
    stored = set(shelf.get(keys[0]))
    gaps: dict[int, float] = {}
    for name in backbone.reference:
        reading, _, what = name.rpartition(".")
        if what != "mean" or reading not in stored:
            continue
        rows = np.asarray(shelf.gather(reading, keys), np.float64)
        mean, deviation = (
            backbone.reference[f"{reading}.{each}"].double().numpy()
            for each in ("mean", "deviation")
        )
        gaps[int(reading.split(".")[0]) - 1] = hellinger(
            rows.mean(0), rows.var(0), mean, deviation**2
        )
    return gaps


def _by_norms(
    backbone: Backbone, modality: Modality, samples: Sequence[Sample]
) -> dict[int, float]:
    seen = _what_norms_see(backbone, modality, samples)
    by_stage: dict[int, list[float]] = {}
    for path, (stage, layer) in norm_layers(backbone).items():
        buffers = [layer.get_buffer(name).cpu() for name in ("running_mean", "running_var")]
        kept = [each.double().numpy() for each in buffers]
        gap = hellinger(seen[f"{path}.mean"], seen[f"{path}.variance"], *kept)
        by_stage.setdefault(stage, []).append(gap)
    return {stage: float(np.mean(gaps)) for stage, gaps in by_stage.items()}


def _what_norms_see(
    backbone: Backbone, modality: Modality, samples: Sequence[Sample]
) -> Mapping[str, np.ndarray]:
    """Run samples and return the moments of what enters each layer; once, and then from store."""
    shelf = features.open_shelf(
        "norms",
        backbone=backbone.name,
        fingerprint=backbone.fingerprint(),
        **devices.named(backbone.device),
    )
    key = hashlib.sha256("\n".join(sample.key for sample in samples).encode()).hexdigest()
    if key in shelf:
        return shelf.get(key)
    with watching(backbone) as found, torch.inference_mode():
        for start in range(0, len(samples), BATCH):
            raws = [modality.read(each.input) for each in samples[start : start + BATCH]]
            prepared = [modality.prepare(raw, backbone.spec) for raw in raws]
            backbone(modality.collate(prepared, backbone.spec))
    arrays = {f"{path}.mean": each.mean.float().numpy() for path, each in found.items()}
    arrays |= {f"{path}.variance": each.variance.float().numpy() for path, each in found.items()}
    shelf.claim()
    shelf.put(key, arrays)
    shelf.flush()
    return arrays
