"""Which parts of the user's own pictures excite a backbone's stages most.

Of a few stages, early to late, the channels that go with the labels most are asked where, in each
of some hundred pictures, they are most active; the parts that they see there are cut out. How
much a unit sees is measured: the square about it that holds most of the gradient that comes back
to the input. For nets whose stages give maps; of others there is nothing to cut out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from headstart.backbones.base import Backbone
from headstart.domain import spread
from headstart.errors import UnreadableInput
from headstart.modalities.base import Arrays, Modality
from headstart.precision import expected_seconds
from headstart.schema import Sample
from headstart.tasks.base import Task

MOST_PICTURES = 96
SECONDS = 6.0
"""Fewer pictures are looked at where one pass over so many would take longer than this."""

BATCH = 8
STAGES = 4
CHANNELS = 3
PATCHES = 5
SEEN = 0.8
"""The share of the gradient that lies within what a unit is said to see."""

SMALLEST = 12
"""Pixels of the narrowest patch: of less nothing can be recognised."""

Shown = dict[str, dict[str, str]]


def find(
    backbone: Backbone,
    modality: Modality,
    task: Task,
    samples: Sequence[Sample],
    labels: Sequence[str],
) -> tuple[list[dict[str, Any]], Shown]:
    """Return what excites a few stages, as JSON-ready values, and the patches by their names.

    What is said of a patch is which channel of which stage it excites, with which label that
    channel goes, and of which picture it is a part.
    """
    if backbone.spec.modality != "image":
        return [], {}
    each = max(expected_seconds(backbone, modality), 1e-3)
    count = int(min(MOST_PICTURES, max(BATCH, SECONDS / each)))
    chosen, prepared = _prepare(backbone, modality, spread(samples, count))
    boundaries = _boundaries(backbone, modality, prepared)
    if not boundaries or len(chosen) < BATCH:
        return [], {}
    targets = task.encode([sample.target for sample in chosen], tuple(labels))
    table = targets if targets.ndim == 2 else np.eye(len(labels))[targets]
    mean, peak, place = _look(backbone, modality, prepared, boundaries)
    found, shown = [], {}
    for boundary in boundaries:
        side = _seen(backbone, modality, prepared[:2], boundary)
        stage = backbone.stages[boundary - 1].name
        channels = []
        for channel, label in _telling(mean[boundary], table):
            order = np.argsort(-peak[boundary][:, channel], kind="stable")[:PATCHES]
            parts = []
            for at in order:
                part = _cut(prepared[at]["x"], place[boundary][at, channel], side)
                name = f"{stage}, channel {channel}: {chosen[at].name}"
                shown[name] = modality.show(modality.read(part))
                parts.append(name)
            channels.append({"channel": channel, "label": labels[label], "patches": parts})
        found.append({"stage": stage, "pixels": side, "channels": channels})
    return found, shown


def _prepare(
    backbone: Backbone, modality: Modality, samples: Sequence[Sample]
) -> tuple[list[Sample], list[Arrays]]:
    kept: list[tuple[Sample, Arrays]] = []
    for sample in samples:
        try:
            arrays = modality.prepare(modality.read(sample.input), backbone.spec)
        except UnreadableInput:  # it was there when it was read for its features
            continue
        kept.append((sample, arrays))
    return [sample for sample, _ in kept], [arrays for _, arrays in kept]


def _boundaries(backbone: Backbone, modality: Modality, prepared: Sequence[Arrays]) -> list[int]:
    """Return a few boundaries, early to late, at which a map of channels stands."""
    if not prepared:
        return []
    state = modality.collate(prepared[:1], backbone.spec)
    mapped = []
    with torch.inference_mode():
        for boundary in range(1, backbone.depth + 1):
            state = backbone(state, boundary - 1, boundary)
            maps, read = state.get("x"), backbone.read(state, boundary).get("mean")
            if maps is None or maps.ndim != 4 or read is None or maps.shape[1] != read.shape[1]:
                continue
            if min(maps.shape[2:]) >= 2:
                mapped.append(boundary)
    spaced = np.linspace(0, len(mapped) - 1, min(STAGES, len(mapped))).round().astype(int)
    return [mapped[at] for at in spaced]


Found = dict[int, np.ndarray]


def _look(
    backbone: Backbone,
    modality: Modality,
    prepared: Sequence[Arrays],
    boundaries: Sequence[int],
) -> tuple[Found, Found, Found]:
    """Return each channel's mean, its highest value and where that is, for every picture.

    Of where that is the rim is left out: what stands there is padding's doing as often as not.
    """
    means: dict[int, list[torch.Tensor]] = {boundary: [] for boundary in boundaries}
    peaks: dict[int, list[torch.Tensor]] = {boundary: [] for boundary in boundaries}
    places: dict[int, list[torch.Tensor]] = {boundary: [] for boundary in boundaries}
    for start in range(0, len(prepared), BATCH):
        state = modality.collate(prepared[start : start + BATCH], backbone.spec)
        before = 0
        with torch.inference_mode():
            for boundary in boundaries:
                state, before = backbone(state, before, boundary), boundary
                maps = state["x"].float().cpu()
                high, wide = maps.shape[2:]
                rim = int(min(high, wide) >= 5)
                inner = maps[:, :, rim : high - rim, rim : wide - rim]
                peak, at = inner.flatten(2).max(2)
                down, across = at // inner.shape[3] + rim, at % inner.shape[3] + rim
                middle = torch.stack([(down + 0.5) / high, (across + 0.5) / wide], dim=2)
                means[boundary].append(maps.mean((2, 3)))
                peaks[boundary].append(peak)
                places[boundary].append(middle)
    return tuple(  # type: ignore[return-value]
        {boundary: torch.cat(parts).numpy() for boundary, parts in each.items()}
        for each in (means, peaks, places)
    )


def _telling(means: np.ndarray, table: np.ndarray) -> list[tuple[int, int]]:
    """Return the channels that go with a label most, no label and no channel twice."""
    alive = means.std(0) > 1e-6
    scaled = np.where(alive, (means - means.mean(0)) / np.where(alive, means.std(0), 1), 0)
    spread_of = table.std(0)
    wanted = (table - table.mean(0)) / np.where(spread_of > 0, spread_of, 1)
    likeness = scaled.T @ wanted / len(means)
    found: list[tuple[int, int]] = []
    while len(found) < min(CHANNELS, *likeness.shape):
        channel, label = np.unravel_index(int(likeness.argmax()), likeness.shape)
        if likeness[channel, label] <= 0:
            break
        found.append((int(channel), int(label)))
        likeness[channel, :] = -1
        likeness[:, label] = -1
    return found


def _seen(backbone: Backbone, modality: Modality, prepared: Sequence[Arrays], boundary: int) -> int:
    """Return the side, in pixels, of the square that a unit in the middle sees most in."""
    state = modality.collate(prepared, backbone.spec)
    pixels = state["x"].detach().clone().requires_grad_()
    with torch.enable_grad():
        maps = backbone({**state, "x": pixels}, 0, boundary)["x"]
        middle = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
        (gradient,) = torch.autograd.grad(middle.float().sum(), pixels)
    weight = gradient.abs().sum((0, 1)).double().numpy()
    high, wide = weight.shape
    row = round((maps.shape[2] // 2 + 0.5) / maps.shape[2] * high)
    column = round((maps.shape[3] // 2 + 0.5) / maps.shape[3] * wide)
    total, longest = float(weight.sum()), int(min(high, wide))
    for side in range(SMALLEST, longest, 2):
        half = side // 2
        within = weight[max(0, row - half) : row + half, max(0, column - half) : column + half]
        if within.sum() >= SEEN * total:
            return side
    return longest


def _cut(pixels: np.ndarray, middle: np.ndarray, side: int) -> np.ndarray:
    """Cut a square out of a prepared picture, moved inwards where it would reach beyond it."""
    high, wide = pixels.shape[1:]
    top = int(np.clip(round(middle[0] * high) - side // 2, 0, high - side))
    left = int(np.clip(round(middle[1] * wide) - side // 2, 0, wide - side))
    return np.ascontiguousarray(pixels[:, top : top + side, left : left + side].transpose(1, 2, 0))
