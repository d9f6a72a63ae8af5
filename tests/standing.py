"""Tiny backbones with random weights to stand on, as timm and transformers save them."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path

PROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.4, 0.5, 0.6],
    "image_std": [0.2, 0.3, 0.4],
}


def save_tiny(folder: Path, kind: str = "timm", *, seed: int = 0) -> Path:
    """Write a tiny model, fixed by its seed, to a folder that `--backbone` takes.

    `timm` is a small resnet, `hf` a ViT, `text` a BERT with a tokenizer of the words in `words`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files(kind, seed).items():
        (folder / name).write_bytes(content)
    return folder


@functools.cache
def files(kind: str, seed: int = 0) -> dict[str, bytes]:
    """Return the files of a tiny `timm`, `hf` or `text` model."""
    import torch

    with tempfile.TemporaryDirectory() as name, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        folder = Path(name)
        {"timm": _save_resnet, "hf": _save_vit, "text": _save_bert}[kind](folder)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _save_resnet(folder: Path) -> None:
    import timm

    net = timm.create_model("test_resnet", pretrained=False, num_classes=7)
    timm.models.save_for_hf(net, folder, safe_serialization=True)


def _save_vit(folder: Path) -> None:
    import transformers

    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        image_size=32,
        patch_size=8,
        num_labels=7,
    )
    transformers.ViTForImageClassification(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))


def _save_bert(folder: Path) -> None:
    import transformers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    from tests import words

    letters = [chr(at) for at in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words.GOOD, *words.BAD, *words.THINGS]
    pieces += [each for each in (*words.REST, *letters) if each not in pieces]
    pieces += [f"##{letter}" for letter in letters if letter.isalnum()]
    vocabulary = {piece: at for at, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    config = transformers.BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        vocab_size=len(vocabulary),
        max_position_embeddings=40,
        initializer_range=0.3,
    )
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    stated = {"tokenizer_class": "BertTokenizer", "model_max_length": 40}
    (folder / "tokenizer_config.json").write_text(json.dumps(stated))
