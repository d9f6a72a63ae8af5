"""Backbones that are good to stand on, with what can be said of them without opening them.

A hub has hundreds of thousands of models; these, and those that come with headstart, are the few
that a person can pick from a list. Parameters are those of the whole checkpoint, its old classifier
included. Nothing here needs torch, so that the list is there at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.backbones import hub
from headstart.errors import UnknownName, closest
from headstart.registry import BACKBONES
from headstart.schema import Card

WEIGHTS = Path(__file__).with_name("weights")
"""Where the backbones that come with headstart lie, each in a folder with its card."""

OPAQUE = "Its family is not described, so it runs as one stage: probe, full and scratch work."


def repo_of(card: Card) -> str:
    """Return the hub repository that a listed card's weights are in."""
    return card.name if card.source == "timm" else card.name.removeprefix("hf/")


def with_presence(card: Card) -> Card:
    """Return the card with whether the weights are on this machine; the network is not asked."""
    return replace(card, local=hub.cached(repo_of(card)) is not None)


def _timm(name: str, family: str, millions: float, licence: str, about: str) -> Card:
    return Card(
        name=f"timm/{name}",
        source="timm",
        family=family,
        licence=licence,
        origin=f"hub: timm/{name}",
        parameters=round(millions * 1e6),
        bytes=round(millions * 4e6),
        about=about,
    )


def _hf(
    repo: str, family: str, millions: float, licence: str, about: str, modality: str = "image"
) -> Card:
    return Card(
        name=f"hf/{repo}",
        source="hf",
        family=family,
        modality=modality,
        licence=licence,
        origin=f"hub: {repo}",
        parameters=round(millions * 1e6),
        bytes=round(millions * 4e6),
        about=about,
    )


APACHE = "apache-2.0"

TIMM = (
    _timm("mobilenetv3_large_100.ra_in1k", "MobileNet", 5.48, APACHE, "Small and quick."),
    _timm("mobilenetv4_conv_small.e2400_r224_in1k", "MobileNet", 3.77, APACHE, "The quickest."),
    _timm("mobilenetv4_conv_medium.e500_r256_in1k", "MobileNet", 9.72, APACHE, "Quick, stronger."),
    _timm("efficientnet_b0.ra_in1k", "EfficientNet", 5.29, APACHE, "Small and accurate."),
    _timm("resnet18.a1_in1k", "ResNet", 11.69, APACHE, "The plain small ResNet."),
    _timm("resnet50.a1_in1k", "ResNet", 25.56, APACHE, "The yardstick of the literature."),
    _timm("swin_tiny_patch4_window7_224.ms_in1k", "Swin", 28.29, "mit", "Windowed attention."),
    _timm("convnext_tiny.fb_in22k_ft_in1k", "ConvNeXt", 28.59, APACHE, "Strong, convolutional."),
    _timm(
        "vit_small_patch16_224.augreg_in21k_ft_in1k", "ViT", 22.05, APACHE, "A strong small ViT."
    ),
    _timm("vit_base_patch16_224.augreg2_in21k_ft_in1k", "ViT", 86.57, APACHE, "Large and strong."),
    _timm(
        "vit_small_patch14_dinov2.lvd142m",
        "ViT",
        22.06,
        APACHE,
        "Learnt without labels; strong far from photos, slow at its 518 px.",
    ),
)

HF = (
    _hf("microsoft/resnet-50", "ResNet", 25.56, APACHE, "The yardstick of the literature."),
    _hf("facebook/convnext-tiny-224", "ConvNeXt", 28.59, APACHE, "Strong, convolutional."),
    _hf("google/vit-base-patch16-224", "ViT", 86.57, APACHE, "Large and strong."),
    _hf("facebook/dinov2-small", "ViT", 22.06, APACHE, "Learnt without labels; strong."),
    _hf(
        "MIT/ast-finetuned-audioset-10-10-0.4593",
        "AST",
        86.6,
        "bsd-3-clause",
        "Everyday sounds and music.",
        "audio",
    ),
    _hf("openai/whisper-base", "Whisper", 72.6, APACHE, "Speech; its encoder is used.", "audio"),
    _hf("facebook/wav2vec2-base-960h", "wav2vec2", 94.4, APACHE, "English speech.", "audio"),
    _hf(
        "sentence-transformers/all-MiniLM-L6-v2",
        "BERT",
        22.71,
        APACHE,
        "English sentences, small and quick.",
        "text",
    ),
    _hf(
        "sentence-transformers/all-mpnet-base-v2",
        "MPNet",
        109.49,
        APACHE,
        "English sentences, strong.",
        "text",
    ),
    _hf("FacebookAI/xlm-roberta-base", "XLM-R", 278.04, "mit", "A hundred languages.", "text"),
)

STRENGTH = (
    "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
    "timm/vit_small_patch14_dinov2.lvd142m",
    "hf/facebook/dinov2-small",
    "timm/convnext_tiny.fb_in22k_ft_in1k",
    "hf/google/vit-base-patch16-224",
    "timm/vit_small_patch16_224.augreg_in21k_ft_in1k",
    "hf/facebook/convnext-tiny-224",
    "timm/swin_tiny_patch4_window7_224.ms_in1k",
    "timm/resnet50.a1_in1k",
    "hf/microsoft/resnet-50",
    "timm/mobilenetv4_conv_medium.e500_r256_in1k",
    "timm/efficientnet_b0.ra_in1k",
    "timm/mobilenetv3_large_100.ra_in1k",
    "timm/mobilenetv4_conv_small.e2400_r224_in1k",
    "timm/resnet18.a1_in1k",
    "hf/MIT/ast-finetuned-audioset-10-10-0.4593",
    "hf/openai/whisper-base",
    "hf/facebook/wav2vec2-base-960h",
    "hf/sentence-transformers/all-mpnet-base-v2",
    "hf/sentence-transformers/all-MiniLM-L6-v2",
    "hf/FacebookAI/xlm-roberta-base",
)
"""The listed models, strongest first, by how their features transfer with a linear head,
kind of input by kind of input."""


def bundled_names() -> list[str]:
    """Return the names of the backbones that come with headstart."""
    return sorted(path.parent.name for path in WEIGHTS.glob("*/card.json"))


def read_bundled(name: str) -> dict[str, Any]:
    """Return what the card file of a bundled backbone says."""
    path = WEIGHTS / name / "card.json"
    if Path(name).name != name or not path.is_file():
        names = bundled_names()
        raise UnknownName(
            f"There is no bundled backbone '{name}'.{closest(name, names)}",
            f"Bundled are: {', '.join(f'bundled/{each}' for each in names)}."
            if names
            else "This copy of headstart comes without one: name another with --backbone, such as "
            "timm/resnet18.a1_in1k or a local folder (`headstart backbones` lists some).",
        )
    about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return about


def bundled_card(name: str) -> Card:
    """Return the card of a bundled backbone."""
    about, path = read_bundled(name), WEIGHTS / name / "model.safetensors"
    return Card(
        name=f"bundled/{name}",
        source="bundled",
        family=str(about["architecture"]).rpartition(".")[2],
        modality=str(about.get("modality", "image")),
        licence=str(about.get("licence", "not stated")),
        origin=str(about.get("origin", "comes with headstart")),
        parameters=int(about["parameters"]),
        bytes=path.stat().st_size if path.is_file() else 0,
        local=path.is_file(),
        about=str(about.get("about", "")),
    )


LISTS: dict[str, Callable[[], list[Card]]] = {
    "bundled": lambda: [bundled_card(name) for name in bundled_names()],
    "timm": lambda: [with_presence(card) for card in TIMM],
    "hf": lambda: [with_presence(card) for card in HF],
    "folder": list,
}
"""The cards of headstart's own sources; other people's are asked for theirs."""


def list_backbones() -> list[Card]:
    """Return the cards of every backbone that can be picked from a list, bundled ones first."""
    names = sorted(BACKBONES.names(), key=lambda name: (name != "bundled", name != "timm", name))
    return [card for name in names for card in _cards_of(name)]


def _cards_of(name: str) -> list[Card]:
    if name in LISTS:
        return LISTS[name]()
    from headstart.backbones.source import get_source

    return get_source(name).cards()


def on_this_machine(modality: str) -> list[Card]:
    """Return the listed models whose weights are on this machine, strongest first."""
    by_name = {card.name: card for card in (*TIMM, *HF)}
    cards = [with_presence(by_name[name]) for name in STRENGTH]
    return [card for card in cards if card.local and card.modality == modality]
