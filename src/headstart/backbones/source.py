"""Where backbones come from: one source a file, each behind the same three questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from headstart.backbones.base import Backbone
from headstart.registry import BACKBONES
from headstart.schema import Card


class BackboneSource(Protocol):
    """One place that backbones come from (`bundled`, `timm`, `hf`, `folder`)."""

    def open(self, name: str, *, offline: bool) -> Backbone:
        """Return the pretrained backbone called `name` within this source (without its prefix)."""

    def build(self, recipe: Mapping[str, Any]) -> Backbone:
        """Rebuild an architecture with fresh weights from a recipe: no network, no weights."""

    def cards(self) -> list[Card]:
        """Return cards of what can be named outright (not all of a hub)."""

    def card(self, name: str, *, offline: bool) -> Card:
        """Return the card of one backbone without loading its weights."""


def split_name(reference: str) -> tuple[str, str]:
    """Split `timm/resnet18.a1_in1k` into source and name; an existing folder is the folder source."""
    from pathlib import Path

    source, slash, name = reference.partition("/")
    if slash and source in BACKBONES.names():
        return source, name
    if Path(reference).expanduser().is_dir():
        return "folder", reference
    BACKBONES.get(source)
    return source, name


def open_backbone(reference: str, *, offline: bool = False) -> Backbone:
    """Return the pretrained backbone that a reference names, from whichever source it is of."""
    source, name = split_name(reference)
    backbone: Backbone = BACKBONES.get(source).open(name, offline=offline)
    return backbone


def build_backbone(recipe: Mapping[str, Any]) -> Backbone:
    """Rebuild a backbone's architecture with fresh weights from its recipe."""
    backbone: Backbone = BACKBONES.get(str(recipe["source"])).build(recipe)
    return backbone
