"""A modality, a backbone source, a task and a strategy of somebody else's, in one file.

They are as small as the contracts allow: an input is a row of numbers, the backbone two layers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from headstart.backbones.base import Backbone, Stage
from headstart.schema import Card, InputSpec, Phase
from headstart.tasks.classify import Classify

WIDTH = 6


@dataclass(frozen=True)
class NumbersSpec(InputSpec):
    modality: str = "numbers"
    width: int = WIDTH


class Numbers:
    """Rows of numbers, in memory or as files of text."""

    name = "numbers"
    suffixes = frozenset({".num"})
    inline = False
    timed = False

    def accepts(self, source):
        return isinstance(source, np.ndarray)

    def fingerprint(self, source):
        return hashlib.sha256(self.read(source).tobytes()).hexdigest()

    def read(self, source):
        return source if isinstance(source, np.ndarray) else np.loadtxt(source)

    def prepare(self, raw, spec):
        return {"x": raw[: spec.width].astype(np.float32)}

    def windows(self, raw, spec):
        return [self.prepare(raw, spec)]

    def view(self, raw, spec, key, number):
        chance = np.random.default_rng([int(key[:8], 16), number])
        return {"x": (raw + chance.normal(0, 0.1, raw.shape)).astype(np.float32)}

    def mirror(self, example):
        return None

    def collate(self, examples, spec):
        return {"x": torch.from_numpy(np.stack([example["x"] for example in examples]))}

    def sketch(self, raw):
        return np.frombuffer(hashlib.sha256(raw.tobytes()).digest(), np.uint8)

    def twins(self, sketches):
        return []

    def facts(self, source):
        return {"length": len(self.read(source))}

    def show(self, raw):
        return {"kind": "text", "mime": "text/plain", "data": ""}

    def golden(self, spec, seed, count):
        return list(np.random.default_rng(seed).normal(size=(count, spec.width)))

    def varied(self, spec, seed, count):
        return self.golden(spec, seed, count)


class Layers:
    """A source of one backbone, "two": two layers with weights from a seed."""

    def open(self, name, *, offline):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.build({"source": "layers", "name": name})

    def build(self, recipe):
        module = nn.Sequential(nn.Linear(WIDTH, 16), nn.Linear(16, 8))
        stages = tuple(
            Stage(
                f"layer {number}",
                lambda state, layer=layer: {"x": layer(state["x"]).tanh()},
                (f"{number}.weight", f"{number}.bias"),
            )
            for number, layer in enumerate(module)
        )
        return Backbone(
            f"layers/{recipe['name']}",
            module,
            stages,
            NumbersSpec("numbers"),
            self.card(recipe["name"], offline=True),
            recipe,
            lambda state, boundary: {"mean": state["x"]},
        )

    def cards(self):
        return [self.card("two", offline=True)]

    def card(self, name, *, offline):
        return Card(f"layers/{name}", "layers", modality="numbers", local=True)


class Shout(Classify):
    """Single labels, said in capitals and judged by accuracy."""

    name = "shout"
    headline = "accuracy"

    def suits(self, targets):
        return False

    def decode(self, probabilities, labels):
        return [(label.upper(), p) for label, p in super().decode(probabilities, labels)]


class Twice:
    """Solve the head, and solve it again."""

    name = "twice"
    about = "the same again"

    def phases(self, facts):
        return [Phase(name, boundary=facts.depth) for name in ("once", "again")]
