"""Backbones in a local folder, saved by timm or by transformers; only safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.backbones.base import Backbone
from headstart.backbones.source import build_backbone
from headstart.backbones.weights_file import (
    PICKLED,
    is_whole,
    refuse_pickles,
    verify_header,
    weight_files,
)
from headstart.errors import BackboneError
from headstart.schema import Card


class Folder:
    """The source of backbones that lie in a folder."""

    def open(self, name: str, *, offline: bool) -> Backbone:
        """Return the backbone in the folder `name`; whoever saved it is asked to load it."""
        return self._open(name, writes=False)

    def open_writer(self, name: str, *, offline: bool) -> Backbone:
        """Return the same with all that it writes by."""
        return self._open(name, writes=True)

    def _open(self, name: str, *, writes: bool) -> Backbone:
        folder = Path(name).expanduser().resolve()
        config = _config(folder, name)
        if not is_whole(folder):
            raise refuse_pickles(
                name, [file.name for file in folder.iterdir() if PICKLED.match(file.name)]
            )
        for file in weight_files(folder):
            verify_header(file, "Copy the file again from where it came.")
        if "architecture" in config:
            from headstart.backbones import from_timm

            return _renamed(from_timm.open_folder(folder, name, origin="a local folder"), folder)
        if "model_type" in config:
            from headstart.backbones import from_transformers

            load = from_transformers.open_writer_folder if writes else from_transformers.open_folder
            return _renamed(load(folder, name, origin="a local folder"), folder)
        raise BackboneError(
            f"'{name}' has a config.json, but neither timm's 'architecture' nor transformers' "
            "'model_type' in it.",
            "Save the model with timm.models.save_for_hf or model.save_pretrained.",
        )

    def build(self, recipe: Mapping[str, Any]) -> Backbone:
        """Rebuild an architecture; recipes of folders name the library that saved them."""
        return build_backbone(recipe)

    def cards(self) -> list[Card]:
        """Return nothing: folders are named by their path."""
        return []

    def card(self, name: str, *, offline: bool) -> Card:
        """Return the card of the backbone in a folder."""
        return self.open(name, offline=True).card


def _renamed(backbone: Backbone, folder: Path) -> Backbone:
    """Name a backbone by its folder alone: the way there is nobody's business but this machine's.

    Its name stands in model folders, which carry its weights and travel without it.
    """
    backbone.name = f"folder/{folder.name}"
    backbone.recipe = {**backbone.recipe, "name": backbone.name}
    return backbone


def _config(folder: Path, name: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise BackboneError(f"There is no folder '{name}'.", "Check the path.")
    path = folder / "config.json"
    if not path.is_file():
        raise BackboneError(
            f"The folder '{name}' has no config.json, so its architecture cannot be known.",
            "Give a folder saved by timm (save_for_hf) or transformers (save_pretrained).",
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackboneError(
            f"The config.json in '{name}' cannot be read ({error}).", "Copy the folder again."
        ) from None
    if not isinstance(config, dict):
        raise BackboneError(
            f"The config.json in '{name}' is not a JSON object.", "Copy the folder again."
        )
    return config
