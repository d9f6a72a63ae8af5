"""Tiny speech models as transformers saves them: with their tokenizers, from the real classes."""

import json

import torch
import transformers

from tests.backbones.families import HEARING, WHOLE_WHISPER

SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|haw|>", "<|translate|>",
    "<|transcribe|>", "<|notimestamps|>",
)  # fmt: skip
CHARACTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", "E", "T", "A", "O", "N", "'"]


def whisper_tokenizer():
    """Return Whisper's own kind of tokenizer that knows single bytes and one merge."""
    from tokenizers.pre_tokenizers import ByteLevel

    alphabet = sorted(ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(alphabet)}
    vocabulary["th"] = len(vocabulary)
    tokenizer = transformers.WhisperTokenizer(vocab=vocabulary, merges=[("t", "h")])
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL)})
    return tokenizer


def save_whisper(folder, many=True, **sizes):
    """Save a tiny Whisper with random weights, its extractor and its tokenizer."""
    tokenizer = whisper_tokenizer()
    known = tokenizer.get_vocab()
    torch.manual_seed(0)
    config = transformers.WhisperConfig(
        **WHOLE_WHISPER
        | {
            "max_source_positions": 50,
            "max_target_positions": 64,
            "vocab_size": len(tokenizer),
            "pad_token_id": known["<|endoftext|>"],
            "eos_token_id": known["<|endoftext|>"],
            "bos_token_id": known["<|endoftext|>"],
            "decoder_start_token_id": known["<|startoftranscript|>"],
        }
        | sizes
    )
    net = transformers.WhisperForConditionalGeneration(config)
    net.generation_config.is_multilingual = many
    net.generation_config.suppress_tokens = [known["!"]]
    net.generation_config.begin_suppress_tokens = [known["<|endoftext|>"]]
    languages = ("<|en|>", "<|de|>", "<|haw|>")
    net.generation_config.lang_to_id = {each: known[each] for each in languages} if many else None
    if many:
        net.generation_config.task_to_id = {
            each: known[f"<|{each}|>"] for each in ("transcribe", "translate")
        }
    net.generation_config.no_timestamps_token_id = known["<|notimestamps|>"]
    net.eval().save_pretrained(folder)
    seconds = config.max_source_positions // 50
    transformers.WhisperFeatureExtractor(chunk_length=seconds).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return net, tokenizer


def save_ctc(folder, kind="Wav2Vec2", **sizes):
    """Save a tiny wav2vec2 or HuBERT that spells with random weights."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        **HEARING | {"vocab_size": len(CHARACTERS), "pad_token_id": 0} | sizes
    )
    net = getattr(transformers, f"{kind}ForCTC")(config)
    net.eval().save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    path = folder / "vocab.json"
    path.write_text(json.dumps({each: number for number, each in enumerate(CHARACTERS)}))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(path))
    tokenizer.save_pretrained(folder)
    return net, tokenizer
