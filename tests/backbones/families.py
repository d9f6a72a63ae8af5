"""One tiny network of every family that falls into stages, and of some that nobody described."""

import functools
import json
from dataclasses import dataclass, field

from headstart.backbones.source import build_backbone

SPEC = {
    "modality": "image",
    "size": [32, 32],
    "resize": ["exact", 32, 32],
    "crop": None,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
}

VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}
SWIN = {
    "image_size": 32,
    "patch_size": 2,
    "embed_dim": 8,
    "depths": [1, 2, 1],
    "num_heads": [1, 2, 2],
    "window_size": 4,
}
TIMM_SWIN = {
    "img_size": 32,
    "patch_size": 2,
    "window_size": 4,
    "embed_dim": 8,
    "depths": [1, 2, 1],
    "num_heads": [1, 2, 2],
}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16, 16], "depths": [1, 1, 1]}
CONVNEXT = {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1]}


@dataclass(frozen=True)
class Tiny:
    """A recipe of a tiny network, and what is to be seen of it."""

    family: str
    stages: int
    recipe: dict = field(hash=False)
    size: int = 32

    @property
    def opaque(self) -> bool:
        return self.stages == 1


def timm(family, stages, architecture, size=32, classes=10, **kwargs):
    config = {
        "architecture": architecture,
        "input_size": [3, size, size],
        "num_classes": classes,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    }
    recipe = {
        "source": "timm",
        "name": f"timm/{architecture}",
        "architecture": architecture,
        "kwargs": kwargs,
        "pretrained_cfg": config,
    }
    return Tiny(family, stages, recipe, size)


def hf(family, stages, model_type, pooler=True, loader="AutoModel", size=32, **config):
    recipe = {
        "source": "hf",
        "name": f"hf/tiny/{model_type}",
        "loader": loader,
        "config": {"model_type": model_type, **config},
        "pooler": pooler,
        "spec": SPEC,
    }
    return Tiny(family, stages, recipe, size)


TIMM = {
    "resnet": timm("ResNet", 5, "resnet10t"),
    "resnet_catavgmax": timm("ResNet", 5, "test_resnet", global_pool="catavgmax"),
    "vgg": timm("VGG", 5, "vgg11", mlp_ratio=0.01),
    "vgg_bn": timm("VGG", 5, "vgg11_bn", mlp_ratio=0.01),
    "efficientnet": timm("EfficientNet", 7, "test_efficientnet"),
    "mobilenetv2": timm("EfficientNet", 9, "mobilenetv2_035"),
    "mobilenetv3": timm("MobileNet", 7, "mobilenetv3_small_050"),
    "mobilenetv4": timm("MobileNet", 6, "mobilenetv4_conv_small_035"),
    "vit": timm("ViT", 3, "vit_tiny_patch16_224", img_size=32, depth=2, embed_dim=48),
    "vit_mean": timm(
        "ViT", 3, "vit_tiny_patch16_224", img_size=32, depth=2, embed_dim=48, global_pool="avg"
    ),
    "vit_map": timm(
        "ViT", 3, "vit_base_patch16_siglip_224", img_size=32, depth=2, embed_dim=48, num_heads=3
    ),
    "deit_distilled": timm(
        "ViT", 3, "deit_tiny_distilled_patch16_224", img_size=32, depth=2, embed_dim=48
    ),
    "dinov2": timm(
        "ViT",
        3,
        "vit_small_patch14_reg4_dinov2",
        size=42,
        classes=0,
        img_size=42,
        depth=2,
        embed_dim=48,
        num_heads=3,
    ),
    "dinov3": timm(
        "EVA",
        3,
        "vit_small_patch16_dinov3",
        size=64,
        classes=0,
        img_size=64,
        depth=2,
        embed_dim=48,
        num_heads=3,
    ),
    "eva02": timm(
        "EVA",
        3,
        "eva02_tiny_patch14_224",
        size=56,
        img_size=56,
        depth=2,
        embed_dim=48,
        num_heads=3,
    ),
    "convnext": timm("ConvNeXt", 5, "test_convnext"),
    "convnextv2": timm("ConvNeXt", 5, "test_convnext2"),
    "swin": timm("Swin", 4, "swin_tiny_patch4_window7_224", **TIMM_SWIN),
    "swinv2": timm("Swin", 4, "swinv2_tiny_window8_256", **TIMM_SWIN),
    "regnet": timm("RegNet", 5, "regnetx_002"),
    "opaque_map": timm("NormFreeNet", 1, "test_nfnet"),
    "opaque_nhwc": timm("MambaOut", 1, "test_mambaout"),
    "opaque_tokens": timm(
        "VisionTransformerRelPos",
        1,
        "vit_relpos_small_patch16_224",
        img_size=32,
        depth=2,
        embed_dim=48,
        num_heads=3,
    ),
}

HF = {
    "hf_vit": hf("ViT", 3, "vit", **VIT),
    "hf_vit_plain": hf("ViT", 3, "vit", pooler=False, **VIT),
    "hf_deit": hf("ViT", 3, "deit", **VIT),
    "hf_dinov2": hf("DINOv2", 3, "dinov2", mlp_ratio=2, **VIT),
    "hf_dinov2_registers": hf("DINOv2", 3, "dinov2_with_registers", mlp_ratio=2, **VIT),
    "hf_beit": hf("BEiT", 3, "beit", use_relative_position_bias=True, **VIT),
    "hf_beit_shared": hf("BEiT", 3, "beit", use_shared_relative_position_bias=True, **VIT),
    "hf_clip": hf("CLIP", 3, "clip_vision_model", loader="CLIPVisionModel", **VIT),
    "hf_siglip": hf("SigLIP", 3, "siglip_vision_model", loader="SiglipVisionModel", **VIT),
    "hf_swin": hf("Swin", 4, "swin", **SWIN),
    "hf_swinv2": hf("Swin", 4, "swinv2", **SWIN),
    "hf_resnet": hf("ResNet", 4, "resnet", layer_type="basic", **RESNET),
    "hf_regnet": hf("RegNet", 4, "regnet", groups_width=8, **RESNET),
    "hf_convnext": hf("ConvNeXt", 5, "convnext", **CONVNEXT),
    "hf_convnextv2": hf("ConvNeXt", 5, "convnextv2", **CONVNEXT),
    "hf_mobilenetv1": hf("MobileNet", 27, "mobilenet_v1", depth_multiplier=0.25),
    "hf_mobilenetv2": hf("MobileNet", 18, "mobilenet_v2", depth_multiplier=0.35),
    "hf_opaque": hf("dinov3_vit", 1, "dinov3_vit", **VIT),
    "hf_opaque_map": hf("poolformer", 1, "poolformer", hidden_sizes=[8, 8, 8, 8], depths=[1] * 4),
}

TINY = TIMM | HF


@functools.cache
def build(name):
    """Return a tiny backbone with random weights; its recipe has been through JSON."""
    return build_backbone(json.loads(json.dumps(TINY[name].recipe)))
