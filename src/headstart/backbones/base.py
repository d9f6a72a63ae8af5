"""A backbone is an ordered list of stages over the library's own module, kept whole.

A stage maps a small dict of tensors to a small dict of tensors. A freeze boundary is an integer
`k`: stages before `k` are frozen, stages from `k` on are trained; `k == len(stages)` is the output
of the last stage, before any head. Parameters keep the library's names, and each is owned by
exactly one stage: the first that uses it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from headstart.schema import Card, InputSpec

State = dict[str, torch.Tensor]

ROWS = "rows"
"""Beside `mask` in a state: the positions that are asked about. Stages do not touch it."""

GRID_WIDTH_LIMIT = 512
"""A 2x2 grid of a map is read only up to this many channels.

Four times as wide, it would crowd the store and the head search, while wide maps already say where
things are by having a channel for it.
"""


@dataclass(frozen=True)
class Stage:
    """One step of a backbone. `owns` names the module's parameters and buffers that belong to it.

    `reads_target` marks a stage that is fed the target (a decoder): nothing past it is cached.
    """

    name: str
    run: Callable[[State], State]
    owns: tuple[str, ...]
    reads_target: bool = False


class Line(Protocol):
    """Texts in the making, one for each sound of a batch."""

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take in the next tokens [batch, count]; return scores [batch, tokens] of the next."""


@dataclass(frozen=True)
class Decoder:
    """How a backbone writes whose last stages are fed the target.

    `scores` turns the last state into scores of the token that follows each position. `begin` takes
    what the last stage before the decoder gave, and writes on it token by token.
    """

    scores: Callable[[State], torch.Tensor]
    begin: Callable[[torch.Tensor], Line]


@dataclass(frozen=True)
class Characters:
    """The characters that a checkpoint spells, by number, and its own layer that does it.

    The empty one stands between others and for nothing; what is longer than a character is not
    written. `weight` is [characters, width], the last stage's.
    """

    spelt: tuple[str, ...]
    weight: torch.Tensor = field(repr=False)
    bias: torch.Tensor = field(repr=False)


@dataclass
class Backbone:
    """A pretrained network seen as stages.

    `recipe` is JSON from which the source named in it rebuilds the same architecture with fresh
    weights and no network (see `BackboneSource.build`). `reader` turns the state at a boundary into
    named vectors per example ("mean", "grid", "token", ...), which heads stand on; where `rows` in
    the state mark positions, into a vector for each of those ("row"). `unowned` names the
    parameters of the classifier that the checkpoint came with: no stage runs it, so none owns it
    and nothing trains it; it stays in the module to measure what is forgotten. `adapters` names the
    parameters of low-rank adapters, where some were inserted: then only they are trained.

    `classify` turns the last state into that classifier's scores, where the checkpoint has one.
    `decoder` is how it writes, where its last stages are a decoder; `characters` are those that it
    was trained to spell, where it was.
    `reference` says what readings were like on inputs that the net was pretrained on, where that
    is known: a "mean" and a "deviation" for each channel, by names such as `3.mean.deviation` of
    reading "mean" at boundary 3.
    """

    name: str
    module: nn.Module = field(repr=False)
    stages: tuple[Stage, ...]
    spec: InputSpec
    card: Card
    recipe: Mapping[str, Any]
    reader: Callable[[State, int], dict[str, torch.Tensor]]
    opaque: bool = False
    unowned: tuple[str, ...] = ()
    adapters: frozenset[str] = frozenset()
    classify: Callable[[State], torch.Tensor] | None = None
    decoder: Decoder | None = None
    characters: Characters | None = None
    reference: Mapping[str, torch.Tensor] = field(default_factory=dict, repr=False)
    _fingerprint: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self.module.eval()
        self.module.requires_grad_(False)

    @property
    def depth(self) -> int:
        """Return how many stages there are; also the last boundary."""
        return len(self.stages)

    @property
    def hearing(self) -> int:
        """Return the boundary at which the decoder begins: the last where the target is unread."""
        return sum(not stage.reads_target for stage in self.stages)

    @property
    def device(self) -> torch.device:
        """Return where the weights are."""
        first = next(self.module.parameters(), None)
        return torch.device("cpu") if first is None else first.device

    def to(self, device: torch.device) -> Backbone:
        """Take the weights to a device; whatever state a batch comes in follows them there."""
        self.module.to(device)
        return self

    def forward(self, state: State, start: int = 0, stop: int | None = None) -> State:
        """Run stages `start` up to `stop` (the end when None) on a batch."""
        state = _on(self.device, state)
        asked = {ROWS: state[ROWS]} if ROWS in state else {}
        for stage in self.stages[start : self.depth if stop is None else stop]:
            state = {**stage.run(state), **asked}
        return state

    __call__ = forward

    def read(self, state: State, boundary: int) -> dict[str, torch.Tensor]:
        """Return what is read of a state at a boundary, on the processor, where heads are."""
        found = self.reader(_on(self.device, state), boundary)
        return {name: vectors.cpu() for name, vectors in found.items()}

    def fingerprint(self) -> str:
        """Return a hash of weights, architecture and input specification; computed once.

        What the backbone is called is not part of it: a copy in another folder is the same one.
        """
        if not self._fingerprint:
            digest = hashlib.sha256()
            recipe = {key: value for key, value in self.recipe.items() if key != "name"}
            digest.update(json.dumps(recipe, sort_keys=True, default=str).encode())
            digest.update(json.dumps(self.spec.to_json(), sort_keys=True).encode())
            for name, tensor in sorted(self.module.state_dict().items()):
                digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                flat = tensor.detach().cpu().contiguous().reshape(-1)
                digest.update(flat.view(torch.uint8).numpy())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def changed(self) -> None:
        """Forget the fingerprint after the weights were trained or replaced."""
        self._fingerprint = ""


def _on(device: torch.device, state: State) -> State:
    return {name: tensor.to(device) for name, tensor in state.items()}


def read_map(maps: torch.Tensor) -> dict[str, torch.Tensor]:
    """Read a feature map [B, C, H, W]: its mean, and where it is narrow a 2x2 grid of means."""
    vectors = {"mean": maps.mean((2, 3))}
    if maps.shape[1] <= GRID_WIDTH_LIMIT and min(maps.shape[2:]) >= 2:
        vectors["grid"] = nn.functional.adaptive_avg_pool2d(maps, 2).flatten(1)
    return vectors


def read_tokens(tokens: torch.Tensor, prefix: int) -> dict[str, torch.Tensor]:
    """Read tokens [B, N, C], the first `prefix` of which are special (class, registers)."""
    vectors = {"mean": tokens[:, prefix:].mean(1)}
    if prefix:
        vectors["token"] = tokens[:, 0]
    return vectors
