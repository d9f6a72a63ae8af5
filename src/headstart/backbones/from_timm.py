"""Backbones of timm: any architecture that it knows, with weights from the hub.

`timm/NAME` names one of timm's own pretrained models, `timm/hf_hub:org/name` anybody's model on
the hub that was saved by timm.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from headstart.backbones import hub, known, timm_families
from headstart.backbones.base import Backbone
from headstart.backbones.outline import assemble
from headstart.errors import BackboneError, UnknownName, closest
from headstart.schema import Card, ImageSpec

HUB_PREFIXES = ("hf_hub:", "hf-hub:")

ESSENTIALS = (
    "architecture",
    "tag",
    "input_size",
    "fixed_input_size",
    "interpolation",
    "crop_pct",
    "crop_mode",
    "mean",
    "std",
    "num_classes",
    "pool_size",
    "first_conv",
    "classifier",
    "license",
)
"""What of timm's configuration decides the architecture, the preprocessing or the card."""


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        raise BackboneError(
            "timm is not installed, and this backbone is one of its.",
            "Install it with `pip install headstart[timm]`.",
        ) from None
    return timm


def image_spec(data: Mapping[str, Any]) -> ImageSpec:
    """Return the preprocessing that timm's evaluation transform does for a data configuration."""
    channels, height, width = (int(each) for each in data["input_size"])
    scaled = [math.floor(side / data["crop_pct"]) for side in (height, width)]
    resize: tuple[str | int, ...]
    if data["crop_mode"] == "squash":
        resize = ("exact", *scaled)
    elif data["crop_mode"] == "border":
        resize = ("contain", *scaled)
    elif scaled[0] == scaled[1]:
        resize = ("shortest", scaled[0])
    else:
        resize = ("cover", *scaled)
    return ImageSpec(
        size=(height, width),
        resize=resize,
        crop=(height, width),
        interpolation=data["interpolation"],
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        channels=channels,
    )


def _tupled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Undo what JSON does to tuples; timm's configuration has no lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _backbone(net: nn.Module, name: str, recipe: dict[str, Any], card: Card) -> Backbone:
    from timm.data import resolve_data_config

    outline = timm_families.describe(net)
    stages, unowned = assemble(outline, net)
    config: dict[str, Any] = recipe["pretrained_cfg"]
    return Backbone(
        name=name,
        module=net,
        stages=stages,
        spec=image_spec(resolve_data_config({}, pretrained_cfg=config)),
        card=card,
        recipe=recipe,
        reader=outline.read,
        opaque=outline.opaque,
        unowned=unowned,
        classify=outline.classify,
    )


def load(net: nn.Module, name: str, kwargs: Mapping[str, Any], origin: str) -> Backbone:
    """Return the backbone that a loaded timm module is."""
    given: dict[str, Any] = net.pretrained_cfg  # type: ignore[assignment]
    config = {key: given[key] for key in ESSENTIALS if given.get(key) is not None}
    recipe = {
        "source": "timm",
        "name": name,
        "architecture": config["architecture"],
        "kwargs": dict(kwargs),
        "pretrained_cfg": config,
    }
    card = _card(name, net, given, origin, local=True)
    return _backbone(net, name, recipe, card)


def _card(name: str, net: nn.Module, config: Mapping[str, Any], origin: str, local: bool) -> Card:
    outline = timm_families.describe(net)
    parameters = sum(each.numel() for each in net.parameters())
    about = str(config.get("description") or "")
    if outline.opaque:
        about = f"{known.OPAQUE} {about}".strip()
    return Card(
        name=name,
        source="timm",
        family=outline.family,
        licence=str(config.get("license") or "not stated"),
        origin=origin,
        parameters=parameters,
        bytes=parameters * 4,
        local=local,
        about=about,
    )


class Timm:
    """The source of backbones that timm knows."""

    def open(self, name: str, *, offline: bool) -> Backbone:
        """Return the pretrained backbone `name`, from the hub's cache or the hub."""
        _timm()
        reference = f"timm/{name}"
        repo = self._on_hub(name)
        if repo is not None:
            folder = hub.fetch(
                repo,
                reference,
                offline=offline,
                needs=("config.json",),
                wishes=(hub.CARD,),
                near=hub.cached_repos,
            )
            return open_folder(folder, reference, origin=f"hub: {repo}")
        config = self._registered(name)
        self._refuse_unhosted(reference, config)
        folder = hub.fetch(config.hf_hub_id, reference, offline=offline, near=self._names)
        net = _loaded(name, reference, pretrained_cfg_overlay={"file": _single(folder, reference)})
        return load(net, reference, {}, f"hub: {config.hf_hub_id}")

    def build(self, recipe: Mapping[str, Any]) -> Backbone:
        """Rebuild an architecture with fresh weights from a recipe."""
        config = _tupled(recipe["pretrained_cfg"])
        net = _timm().create_model(
            recipe["architecture"], pretrained=False, pretrained_cfg=config, **recipe["kwargs"]
        )
        name = str(recipe["name"])
        card = _card(name, net, config, "fresh weights", local=True)
        return _backbone(net, name, dict(recipe), card)

    def cards(self) -> list[Card]:
        """Return cards of models that are good to stand on; any other can be named as well."""
        return known.LISTS["timm"]()

    def card(self, name: str, *, offline: bool) -> Card:
        """Return the card of one model; the architecture is laid out without memory for weights."""
        import torch

        timm = _timm()
        repo = self._on_hub(name)
        if repo is not None:
            reference = f"timm/{name}"
            folder = hub.glance(
                repo,
                reference,
                offline=offline,
                needs=("config.json",),
                wishes=(hub.CARD,),
                near=hub.cached_repos,
            )
            _read_config(folder, reference)
            with torch.device("meta"):
                net = timm.create_model(f"local-dir:{folder}", pretrained=False)
            stated = {**net.pretrained_cfg, "license": hub.licence_of(folder)}
            local = hub.cached(repo) is not None
            return _card(reference, net, stated, f"hub: {repo}", local)
        config = self._registered(name)
        with torch.device("meta"):
            net = timm.create_model(name, pretrained=False)
        local = bool(config.hf_hub_id) and hub.cached(config.hf_hub_id) is not None
        origin = f"hub: {config.hf_hub_id}" if config.hf_hub_id else str(config.url)
        return _card(f"timm/{name}", net, config.to_dict(), origin, local)

    def _on_hub(self, name: str) -> str | None:
        for prefix in HUB_PREFIXES:
            if name.startswith(prefix):
                return name.removeprefix(prefix)
        return None

    def _names(self) -> list[str]:
        return [f"timm/{name}" for name in _timm().list_pretrained()]

    def _registered(self, name: str) -> Any:
        """Return timm's configuration of a pretrained model, or say which names come near."""
        timm = _timm()
        config = timm.models.get_pretrained_cfg(name) if timm.is_model_pretrained(name) else None
        if config is None:
            architecture = name.split(".")[0]
            tags = [n for n in timm.list_pretrained() if n.split(".")[0] == architecture]
            if tags:
                shown = ", ".join(f"timm/{tag}" for tag in tags[:8])
                raise UnknownName(
                    f"timm has no pretrained weights '{name}'.{closest(name, tags)}",
                    f"Those of {architecture} are: {shown}.",
                )
            names = timm.list_pretrained()
            every = [*dict.fromkeys(each.split(".")[0] for each in names), *names]
            raise UnknownName(
                f"timm has no pretrained model '{name}'.{closest(name, every)}",
                "List them with `python -c \"import timm; print(timm.list_pretrained('*"
                f"{architecture[:6]}*'))\"`.",
            )
        return config

    def _refuse_unhosted(self, reference: str, config: Any) -> None:
        if not config.hf_hub_id:
            raise BackboneError(
                f"'{reference}' has no safetensors weights: timm has them only as a pickled file "
                f"({config.url or 'elsewhere'}), which can run code when it is opened.",
                "Choose another (`headstart backbones`), or convert it once where you trust it: "
                "`timm.models.save_for_hf(timm.create_model(NAME, pretrained=True), 'folder', "
                "safe_serialization=True)`, then give the folder as the backbone.",
            )


def _loaded(model: str, reference: str, **options: Any) -> Any:
    try:
        return _timm().create_model(model, pretrained=True, **options)
    except (RuntimeError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise BackboneError(
            f"timm cannot make '{reference}' ({said[:200] or type(error).__name__}).",
            "Its configuration and its weights do not fit; choose another model, or copy it again.",
        ) from None


def _single(folder: Path, reference: str) -> str:
    path = folder / "model.safetensors"
    if not path.is_file():
        raise BackboneError(
            f"'{reference}' keeps its weights in several files, which timm cannot load.",
            "Choose a smaller model of the same family.",
        )
    return str(path)


def _read_config(folder: Path, name: str) -> tuple[str, dict[str, Any]]:
    """Return the architecture that a folder's config.json names, and the options it was made by."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        architecture, kwargs = str(config.get("architecture")), dict(config.get("model_args") or {})
    except (OSError, ValueError, TypeError, AttributeError):
        raise BackboneError(
            f"The config.json of '{name}' is missing or not what timm writes.",
            "Give a folder or a repository that was saved by timm.",
        ) from None
    if not _timm().is_model(architecture):
        raise UnknownName(
            f"'{name}' is of architecture '{architecture}', which this timm does not know."
            f"{closest(architecture, _timm().list_models())}",
            "Update timm, or choose another model.",
        )
    return architecture, kwargs


def open_folder(folder: Path, name: str, origin: str) -> Backbone:
    """Return the backbone in a folder that timm saved (config.json and model.safetensors)."""
    _single(folder, name)
    _, kwargs = _read_config(folder, name)
    net = _loaded(f"local-dir:{folder}", name)
    net.pretrained_cfg.setdefault("license", hub.licence_of(folder))
    return load(net, name, kwargs, origin)
