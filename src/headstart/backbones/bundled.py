"""Backbones that come with headstart: small nets of its own, on every machine, without a network.

Each lies in `weights/NAME/` as `model.safetensors` (float16, to be small on disk; float32 once
loaded) beside a `card.json` that says its architecture, what it wants its input to look like, and
where it comes from, and `reference.safetensors`: what its readings were like in pretraining.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from headstart.backbones import known
from headstart.backbones.audio_reading import read_blocks, read_sound
from headstart.backbones.base import ROWS, Backbone, State
from headstart.backbones.outline import Outline, Step, assemble, chained, map_reader
from headstart.backbones.text_reading import max_of, mean_of, read_ids, read_rows
from headstart.backbones.weights_file import verify_checksum, verify_header
from headstart.errors import BackboneError
from headstart.schema import AudioSpec, Card, ImageSpec, InputSpec, TextSpec

REFERENCE = "reference.safetensors"
"""What its readings were like on what it was pretrained on: see `Backbone.reference`."""

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

    def classify(state: State) -> torch.Tensor:
        return cast(torch.Tensor, net.classifier(state["x"].mean((2, 3))))

    read = map_reader(len(steps))
    return Outline("SmallResNet", tuple(steps), read, ("classifier",), classify=classify)


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


def _text_net(config: Mapping[str, Any]) -> nn.Module:
    from headstart.backbones.nets.text import TextConfig, TextNet

    return TextNet(TextConfig(**config))


def _describe_text_net(net: Net) -> Outline:
    names = list(net.stages)

    def run(name: str) -> Callable[[State], State]:
        return lambda state: cast(State, net.stages[name](state))

    steps = [Step(name, run(name), (f"stages.{name}",)) for name in names[:-1]]
    steps.append(Step(names[-1], run(names[-1]), (f"stages.{names[-1]}", "project")))

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        x, mask = state["x"], state["mask"]
        if ROWS in state:
            return read_rows(x, state[ROWS])
        if boundary == 0:
            return read_ids(x, mask)
        found = {"mean": mean_of(x, mask), "max": max_of(x, mask)}
        if boundary == len(names):  # what the net was taught to give for a whole text comes first
            found = {"pooled": net.sentence(state).to(x.dtype), **found}
        return found

    return Outline("TextNet", tuple(steps), read)


def _text_spec(given: Mapping[str, Any]) -> TextSpec:
    return TextSpec(tokenizer=str(given["tokenizer"]), length=int(given["length"]))


def _audio_net(config: Mapping[str, Any]) -> nn.Module:
    from headstart.backbones.nets.audio import AudioConfig, AudioNet

    return AudioNet(AudioConfig.from_json(dict(config)))


def _describe_audio_net(net: Net) -> Outline:
    """Describe the audio net, whose own states have time last and lengths in place of a mask."""
    names = list(net.stages)

    def run(name: str) -> Callable[[State], State]:
        def step(state: State) -> State:
            x, dtype = state["x"], net.stages["stem"].conv.weight.dtype
            if name == names[0]:
                given = {"x": x.flatten(1), "lengths": state["samples"].flatten()}
            else:
                # Time first -> time last; a log-mel map is one of a single channel.
                x = x.movedim(1, -1)
                x = x.unsqueeze(1) if name == names[1] else x
                lengths = {} if bool(state["mask"].all()) else {"lengths": state["mask"].sum(1)}
                given = {"x": x, **lengths}
            done = net.stages[name](given)
            x = done["x"].to(dtype)
            x = (x.squeeze(1) if name == names[0] else x).movedim(-1, 1)
            time = torch.arange(x.shape[1], device=x.device)[None]
            lengths = done.get("lengths", torch.full((len(x),), x.shape[1], device=x.device))
            return {"x": x, "mask": time < lengths[:, None]}

        return step

    def read(state: State, boundary: int) -> dict[str, torch.Tensor]:
        return read_sound(state) if boundary else read_blocks(state)

    steps = tuple(Step(name, run(name), (f"stages.{name}",)) for name in names)
    return Outline("AudioNet", steps, read)


def _audio_spec(given: Mapping[str, Any]) -> AudioSpec:
    return AudioSpec(rate=int(given["rate"]), window=int(given["window"]))


ARCHITECTURES = {
    "AudioNet": Architecture(_audio_net, _describe_audio_net, _audio_spec),
    "SmallResNet": Architecture(_small_resnet, _describe_small_resnet, _image_spec),
    "TextNet": Architecture(_text_net, _describe_text_net, _text_spec),
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


def _with_files(folder: Path, spec: InputSpec) -> InputSpec:
    """Return a specification with the files that it is kept with, such as a tokenizer's."""
    try:
        files = {name: (folder / name).read_text(encoding="utf-8") for name in spec.files()}
        return spec.with_files(files)
    except OSError as error:
        raise BackboneError(f"{error.filename} is not here.", BROKEN) from None
    except ValueError as error:
        raise BackboneError(f"{folder} is damaged: {error}.", BROKEN) from None


def _reference(folder: Path, about: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return what is known of readings in pretraining; of other weights than these, nothing."""
    from safetensors import safe_open

    if not (folder / REFERENCE).is_file():
        return {}
    with safe_open(folder / REFERENCE, "pt") as file:
        if (file.metadata() or {}).get("weights") != about.get("sha256"):
            return {}
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


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
        backbone.spec = _with_files(path.parent, backbone.spec)
        backbone.changed()
        backbone.reference = _reference(path.parent, about)
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
            reader=outline.read,
            unowned=unowned,
            classify=outline.classify,
        )

    def cards(self) -> list[Card]:
        """Return the cards of all bundled backbones."""
        return known.LISTS["bundled"]()

    def card(self, name: str, *, offline: bool) -> Card:
        """Return the card of one bundled backbone."""
        return known.bundled_card(name)
