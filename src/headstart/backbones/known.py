"""Backbones that are good to stand on, with what can be said of them without asking anybody.

A hub has hundreds of thousands of models; these are the few that a person can pick from a list.
Parameters are those of the whole checkpoint, its old classifier included.
"""

from __future__ import annotations

from dataclasses import replace

from headstart.backbones import hub
from headstart.schema import Card

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


def _hf(repo: str, family: str, millions: float, licence: str, about: str) -> Card:
    return Card(
        name=f"hf/{repo}",
        source="hf",
        family=family,
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
)
"""The listed models, strongest first, by how their features transfer with a linear head."""


def on_this_machine() -> list[Card]:
    """Return the listed models whose weights are on this machine, strongest first."""
    by_name = {card.name: card for card in (*TIMM, *HF)}
    cards = [with_presence(by_name[name]) for name in STRENGTH]
    return [card for card in cards if card.local]
