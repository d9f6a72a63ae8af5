"""One tiny network of every family that falls into stages, and of some that nobody described."""

import functools
import json
from dataclasses import dataclass, field

import numpy as np
import torch

from headstart.backbones.source import build_backbone
from headstart.modalities.audio import Audio
from headstart.modalities.audio_read import Sound
from headstart.modalities.lengths import together
from headstart.schema import AudioSpec

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

    @property
    def modality(self) -> str:
        return self.recipe.get("spec", {}).get("modality", "image")


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

SAMPLES = AudioSpec(least=400, features="unit wave").to_json()
KALDI = AudioSpec(window=64, fixed=True, least=400, features="kaldi", bands=32).to_json()
WHISPER = AudioSpec(window=64, fixed=True, features="whisper", bands=80).to_json()
HEARING = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 8, 5],
    "conv_stride": [5, 8, 8],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
HEARING_AST = {
    **{key: HEARING[key] for key in list(HEARING)[:4]},
    "num_mel_bins": 32,
    "max_length": 64,
}
HEARING_WHISPER = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_source_positions": 32,
    "num_mel_bins": 80,
    "vocab_size": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
    "suppress_tokens": [],
    "begin_suppress_tokens": [],
}


def hears(family, stages, model_type, spec, **config):
    tiny = hf(family, stages, model_type, pooler=False, **config)
    return Tiny(family, stages, {**tiny.recipe, "spec": spec})


AUDIO = {
    "hf_wav2vec2": hears("wav2vec2", 4, "wav2vec2", SAMPLES, **HEARING),
    "hf_wav2vec2_stable": hears("wav2vec2", 4, "wav2vec2", SAMPLES, **HEARING, **STABLE),
    "hf_hubert": hears("HuBERT", 4, "hubert", SAMPLES, **HEARING),
    "hf_hubert_stable": hears("HuBERT", 4, "hubert", SAMPLES, **HEARING, **STABLE),
    "hf_ast": hears("AST", 3, "audio-spectrogram-transformer", KALDI, **HEARING_AST),
    "hf_whisper": hears("Whisper", 3, "whisper", WHISPER, **HEARING_WHISPER),
}
SPEAKING = {
    **WHISPER,
    "tokenizer": "0" * 64,
    "opening": [3],
    "closing": [4],
    "end": 2,
    "length": 24,
}


def writes(family, stages, model_type, loader, **config):
    tiny = hf(family, stages, model_type, pooler=False, loader=loader, **config)
    return Tiny(family, stages, {**tiny.recipe, "spec": SPEAKING})


WHOLE_WHISPER = {**HEARING_WHISPER, "decoder_layers": 2, "max_target_positions": 24}
WHOLE = "WhisperForConditionalGeneration"
WRITING = {"hf_whisper_whole": writes("Whisper", 6, "whisper", WHOLE, **WHOLE_WHISPER)}
BUNDLED_AUDIO = {
    "source": "bundled",
    "name": "tiny",
    "architecture": "AudioNet",
    "config": {"mels": 16, "widths": [4, 6, 8], "blocks": 1, "tail": 12},
    "input": {"rate": 16000, "window": 2000},
    "spec": {"modality": "audio"},
}

READING = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "vocab_size": 60,
    "max_position_embeddings": 40,
}
DEBERTA = {
    "relative_attention": True,
    "position_buckets": 8,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "type_vocab_size": 0,
    "position_biased_input": False,
}
MODERN = {
    "num_hidden_layers": 4,
    "local_attention": 8,
    "global_attn_every_n_layers": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "cls_token_id": 1,
    "sep_token_id": 2,
}
DISTIL = {
    "dim": 32,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 48,
    "vocab_size": 60,
    "max_position_embeddings": 40,
}
GPT2 = {
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 2,
    "vocab_size": 60,
    "n_positions": 40,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def reads(family, stages, model_type, *, kinds=False, reading=None, **config):
    tiny = hf(family, stages, model_type, **config)
    spec = {"modality": "text", "tokenizer": "0" * 64, "length": 30, "kinds": kinds}
    return Tiny(family, stages, {**tiny.recipe, "spec": spec, "reading": reading})


MEAN = {"pooling": "mean", "normalise": True}
LAST = {"pooling": "last", "normalise": False}
TEXT = {
    "hf_bert": reads("BERT", 3, "bert", kinds=True, **READING),
    "hf_minilm": reads("BERT", 3, "bert", reading=MEAN, **READING),
    "hf_roberta": reads("RoBERTa", 3, "roberta", pad_token_id=1, **READING),
    "hf_xlmr": reads("XLM-R", 3, "xlm-roberta", pad_token_id=1, **READING),
    "hf_distilbert": reads("DistilBERT", 3, "distilbert", **DISTIL),
    "hf_albert": reads("ALBERT", 3, "albert", embedding_size=16, num_hidden_groups=1, **READING),
    "hf_mpnet": reads("MPNet", 3, "mpnet", **READING),
    "hf_deberta": reads("DeBERTa", 3, "deberta-v2", **READING, **DEBERTA),
    "hf_deberta_conv": reads(
        "DeBERTa", 3, "deberta-v2", conv_kernel_size=3, conv_act="gelu", **READING, **DEBERTA
    ),
    "hf_modernbert": reads("ModernBERT", 5, "modernbert", **READING | MODERN),
    "hf_gpt2": reads("GPT-2", 3, "gpt2", reading=LAST, **GPT2),
    "hf_opaque_text": reads("electra", 1, "electra", embedding_size=16, **READING),
    "hf_opaque_decoder": reads(
        "qwen3", 1, "qwen3", reading=LAST, num_key_value_heads=2, head_dim=16, **READING
    ),
}
BUNDLED_TEXT = {
    "source": "bundled",
    "name": "tiny",
    "architecture": "TextNet",
    "config": {"rows": 50, "ids": 60, "embedding": 8, "width": 16, "depth": 2, "inner": 24},
    "input": {"tokenizer": "0" * 64, "length": 30},
    "spec": {"modality": "text"},
}

BUNDLED = {
    "bundled_audio": Tiny("AudioNet", 7, BUNDLED_AUDIO),
    "bundled_text": Tiny("TextNet", 3, BUNDLED_TEXT),
}
TINY = TIMM | HF | AUDIO | WRITING | TEXT | BUNDLED


@functools.cache
def build(name):
    """Return a tiny backbone with random weights; its recipe has been through JSON."""
    return build_backbone(json.loads(json.dumps(TINY[name].recipe)))


def batch(name, count=2, seed=0):
    """Return what a tiny backbone takes: pictures, or sounds and texts of different lengths."""
    tiny = TINY[name]
    generator = torch.Generator().manual_seed(seed)
    if tiny.modality == "image":
        return {"x": torch.randn(count, 3, tiny.size, tiny.size, generator=generator)}
    if tiny.modality == "text":
        long = [19 - 4 * (row % 5) for row in range(count)]
        return together(
            [
                {
                    "x": torch.randint(3, 60, (length,), generator=generator).numpy(),
                    "mask": np.ones(length, bool),
                    **({"kinds": np.arange(length) // 7 % 2} if build(name).spec.kinds else {}),
                }
                for length in long
            ]
        )
    spec, modality = build(name).spec, Audio()
    long = [9_000 - 1_111 * (row % 5) for row in range(count)]
    waves = [0.1 * torch.randn(length, generator=generator) for length in long]
    sounds = [Sound(wave.numpy(), spec.rate, len(wave) / spec.rate) for wave in waves]
    state = modality.collate([modality.prepare(sound, spec) for sound in sounds], spec)
    return {**state, **texts(count)} if name in WRITING else state


def texts(count):
    """Return the tokens of texts of different lengths, which a decoder is given."""
    long = [11 - 2 * (row % 5) for row in range(count)]
    drawn = torch.randint(5, 60, (count, 11), generator=torch.Generator().manual_seed(7))
    given = torch.arange(11)[None] < torch.tensor(long)[:, None]
    return {"tokens": drawn.masked_fill(~given, 0), "given": given}
