"""Where backbones come from: one source a file, each behind the same four questions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from headstart.backbones.base import Backbone
from headstart.backbones.outline import named_tensors
from headstart.errors import UnknownName, closest
from headstart.registry import BACKBONES
from headstart.schema import Card


class BackboneSource(Protocol):
    """One place that backbones come from (`bundled`, `timm`, `hf`, `folder`).

    A source of backbones that write has also `open_writer`, which is asked as `open` is and returns
    them with their decoder, or with the characters that they spell.
    """

    def open(self, name: str, *, offline: bool) -> Backbone:
        """Return the pretrained backbone called `name` within this source (without its prefix)."""

    def build(self, recipe: Mapping[str, Any]) -> Backbone:
        """Rebuild an architecture with fresh weights from a recipe: no network, no weights."""

    def cards(self) -> list[Card]:
        """Return cards of what can be named outright (not all of a hub)."""

    def card(self, name: str, *, offline: bool) -> Card:
        """Return the card of one backbone without loading its weights, where that can be."""


def get_source(name: str) -> BackboneSource:
    """Return the source registered as `name`; a class is made an object of."""
    provider = BACKBONES.get(name)
    source: BackboneSource = provider() if isinstance(provider, type) else provider
    return source


def split_name(reference: str) -> tuple[str, str]:
    """Split `timm/resnet18.a1_in1k` into source and name; an existing folder is source `folder`."""
    source, slash, name = reference.partition("/")
    known = BACKBONES.names()
    if slash and name and source in known:
        return source, name
    if reference and Path(reference).expanduser().is_dir():
        return "folder", reference
    raise UnknownName(
        f"There is no backbone '{reference}': no folder is called so"
        + (f", and no source '{source}'.{closest(source, known)}" if source else "."),
        f"Give a folder's path, or a name after its source ({', '.join(known)}), such as "
        "timm/resnet18.a1_in1k; `headstart backbones` lists some.",
    )


def open_backbone(reference: str, *, offline: bool = False) -> Backbone:
    """Return the pretrained backbone that a reference names, from whichever source it is of."""
    source, name = split_name(reference)
    return get_source(source).open(name, offline=offline)


def open_writer(reference: str, *, offline: bool = False) -> Backbone:
    """Return the same with all that it writes text by, where its source knows of any."""
    source, name = split_name(reference)
    found = get_source(source)
    opened: Backbone = getattr(found, "open_writer", found.open)(name, offline=offline)
    return opened


def build_backbone(recipe: Mapping[str, Any]) -> Backbone:
    """Rebuild a backbone's architecture with fresh weights from its recipe."""
    return get_source(str(recipe["source"])).build(recipe)


def fresh_weights(backbone: Backbone, from_stage: int, seed: int) -> None:
    """Give the stages from `from_stage` on new weights, in place, as their library draws them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        drawn = dict(named_tensors(build_backbone(backbone.recipe).module))
    current = dict(named_tensors(backbone.module))
    with torch.no_grad():
        for stage in backbone.stages[from_stage:]:
            for name in stage.owns:
                # A table of whole numbers (which row stands for which token) is no weight.
                if current[name].is_floating_point() or current[name].dim() == 0:
                    current[name].copy_(drawn[name])
    backbone.changed()


def describe(reference: str, *, offline: bool = False) -> Card:
    """Return the card of the backbone that a reference names."""
    source, name = split_name(reference)
    return get_source(source).card(name, offline=offline)


def stronger_on_this_machine(modality: str) -> list[Card]:
    """Return good backbones for a kind of input whose weights are here, strongest first.

    For the one line that says so when a bundled backbone is used: nothing is downloaded unasked.
    """
    from headstart.backbones import known

    return known.on_this_machine(modality)
