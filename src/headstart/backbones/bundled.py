"""Backbones that come with headstart: small nets of its own, on every machine, without a network.

Each lies in `weights/NAME/` as `model.safetensors` (float16, to be small on disk; float32 once
loaded) beside a `card.json` that says its architecture, what it wants its input to look like, and
where it comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from headstart.backbones import known
from headstart.backbones.base import Backbone
from headstart.backbones.outline import Outline, Step, assemble, chained, map_reader
from headstart.backbones.weights_file import verify_checksum, verify_header
from headstart.errors import BackboneError
from headstart.schema import Card, ImageSpec, InputSpec

BROKEN = "Install headstart again; its own files are damaged."

# A net's attributes are known to its describer only.
Net = Any


@dataclass(frozen=True)
class Architecture:
    """A kind of net that can be bundled: how it is built, described, and what it takes."""

    build: Callable[[Mapping[str, Any]], nn.Module]
    describe: Callable[[Net], Outline]
    spec: Callable[[Mapping[str, Any]], InputSpec]


def _small_resnet(config: Mapping[str, Any]) -> nn.Module:
    from headstart.backbones.nets.image import SmallResNet

    return SmallResNet(**config)


def _describe_small_resnet(net: Net) -> Outline:
    steps: list[Step] = [chained(net, name, f"stages.{name}") for name in net.stages]
    return Outline("SmallResNet", tuple(steps), map_reader(len(steps)), ("classifier",))


def _image_spec(given: Mapping[str, Any]) -> ImageSpec:
    """Return the preprocessing that a card states: shorter side to size, then the centre."""
    size = int(given["size"])
    return ImageSpec(
        size=(size, size),
        resize=("shortest", size),
        crop=(size, size),
        interpolation=given.get("interpolation", "bilinear"),
        mean=tuple(given["mean"]),
        std=tuple(given["std"]),
    )


ARCHITECTURES = {
    "SmallResNet": Architecture(_small_resnet, _describe_small_resnet, _image_spec),
}


def _kind(about: Mapping[str, Any]) -> str:
    # Only the last part counts: a card names a net that is listed here, never code to import.
    kind = str(about["architecture"]).rpartition(".")[2]
    if kind not in ARCHITECTURES:
        raise BackboneError(
            f"A bundled backbone is of architecture '{kind}', which this headstart does not know.",
            "Update headstart.",
        )
    return kind


class Bundled:
    """The source of backbones that come with headstart."""

    def open(self, name: str, *, offline: bool) -> Backbone:
        """Return a bundled backbone with its weights."""
        from safetensors.torch import load_file

        about = known.read_bundled(name)
        path = known.WEIGHTS / name / "model.safetensors"
        if not path.is_file():
            raise BackboneError(f"The weights of 'bundled/{name}' are not here.", BROKEN)
        verify_header(path, BROKEN)
        verify_checksum(path, BROKEN, about.get("sha256"))
        backbone = self.build(
            {
                "source": "bundled",
                "name": name,
                "architecture": _kind(about),
                "config": about["config"],
                "input": about["input"],
            }
        )
        stored = load_file(path)
        floats = {
            key: value.to(torch.float32) if value.is_floating_point() else value
            for key, value in stored.items()
        }
        backbone.module.load_state_dict(floats)
        backbone.changed()
        backbone.card = self.card(name, offline=offline)
        return backbone

    def build(self, recipe: Mapping[str, Any]) -> Backbone:
        """Rebuild a bundled architecture with fresh weights."""
        kind = ARCHITECTURES[_kind(recipe)]
        net = kind.build(recipe["config"])
        outline = kind.describe(net)
        stages, unowned = assemble(outline, net)
        spec = kind.spec(recipe["input"])
        name = f"bundled/{recipe['name']}"
        parameters = sum(each.numel() for each in net.parameters())
        return Backbone(
            name=name,
            module=net,
            stages=stages,
            spec=spec,
            card=Card(
                name=name,
                source="bundled",
                family=outline.family,
                modality=spec.modality,
                origin="fresh weights",
                parameters=parameters,
                bytes=parameters * 2,
                local=True,
            ),
            recipe=dict(recipe),
            read=outline.read,
            unowned=unowned,
        )

    def cards(self) -> list[Card]:
        """Return the cards of all bundled backbones."""
        return known.LISTS["bundled"]()

    def card(self, name: str, *, offline: bool) -> Card:
        """Return the card of one bundled backbone."""
        return known.bundled_card(name)
