"""What a transformers checkpoint writes with: Whisper's tokens, the characters of a CTC model."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from headstart.backbones.base import Characters
from headstart.backbones.weights_file import weight_files
from headstart.errors import BackboneError
from headstart.schema import AudioSpec, SpeechSpec
from headstart.tokenized import TOKENIZER

FILES = (
    TOKENIZER, "vocab.json", "tokenizer_config.json", "merges.txt", "normalizer.json",
    "special_tokens_map.json", "added_tokens.json", "generation_config.json",
)  # fmt: skip
"""What is wished for beside the processor; a checkpoint has some of it."""

MULTILINGUAL = 51_865
"""OpenAI's Whisper of this many tokens or more writes many languages; a smaller one English."""

START, END = "<|startoftranscript|>", "<|endoftext|>"
TRANSCRIBE, UNTIMED = "<|transcribe|>", "<|notimestamps|>"
MOMENT_ZERO = "<|0.00|>"
DELIMITER = "|"


def read_speech_spec(folder: Path, reference: str, config: Any, heard: AudioSpec) -> SpeechSpec:
    """Return what is heard of a sound together with how its text stands as tokens."""
    tokenizer = _open_tokenizer(folder, reference)
    stated = _json(folder / "generation_config.json")
    known: dict[str, int] = tokenizer.get_vocab()
    if END not in known or START not in known:
        raise BackboneError(
            f"The tokenizer of '{reference}' has no {START} or no {END}.",
            "Save the tokenizer that belongs to the model beside it.",
        )
    many = stated.get("is_multilingual", config.vocab_size >= MULTILINGUAL)
    languages = stated.get("lang_to_id") or {
        token: number for token, number in known.items() if _is_language(token)
    }
    closing = [known[token] for token in (TRANSCRIBE,) if many and token in known]
    closing += [known[token] for token in (UNTIMED,) if token in known]
    spec = SpeechSpec(
        **asdict(heard),
        opening=(known[START],),
        closing=tuple(closing),
        languages=tuple(sorted(languages.values())) if many else (),
        end=known[END],
        length=int(config.max_target_positions),
        never=_numbers(stated, config, "suppress_tokens"),
        never_first=_numbers(stated, config, "begin_suppress_tokens"),
        moments=_first_moment(known, config, heard),
    )
    return spec.with_files({TOKENIZER: tokenizer.backend_tokenizer.to_str()})


def _is_language(token: str) -> bool:
    inside = token.removeprefix("<|").removesuffix("|>")
    return token == f"<|{inside}|>" and inside.isalpha() and 2 <= len(inside) <= 3


def _first_moment(known: dict[str, int], config: Any, heard: AudioSpec) -> int:
    """Return the token of the moment 0; 0 where there are not as many as a window is long.

    They follow the token that says that none will come. Older tokenizers leave them unnamed.
    """
    first = known.get(UNTIMED, -1) + 1
    named = next((token for token, number in known.items() if number == first), MOMENT_ZERO)
    needed = heard.window // 2 + 1  # blocks last a hundredth of a second, and moments are two apart
    return first if named == MOMENT_ZERO and config.vocab_size >= first + needed else 0


def _numbers(stated: dict[str, Any], config: Any, name: str) -> tuple[int, ...]:
    """Return a list of tokens that a generation config, or an older model's config, names."""
    found = stated[name] if name in stated else getattr(config, name, None)
    return tuple(int(number) for number in found or () if int(number) >= 0)


def _open_tokenizer(folder: Path, reference: str) -> Any:
    from transformers import AutoTokenizer

    why = "none of its files is there"
    if any((folder / name).is_file() for name in (TOKENIZER, "vocab.json")):
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            if tokenizer.is_fast:
                return tokenizer
            why = f"a {type(tokenizer).__name__} has no tokenizer.json"
        except Exception as error:  # each tokenizer class fails in a way of its own
            why = " ".join(str(error).split())[:160] or type(error).__name__
    raise BackboneError(
        f"The tokenizer of '{reference}' cannot be read ({why}), and without it no text can be "
        "written.",
        "Save it beside the model: "
        "`AutoTokenizer.from_pretrained(ORIGINAL).save_pretrained(FOLDER)`.",
    )


def read_characters(folder: Path, reference: str, config: Any) -> Characters | None:
    """Return what a CTC checkpoint spells with; None where it was not trained to spell."""
    layer = _read_layer(folder)
    vocabulary = _json(folder / "vocab.json")
    if layer is None:
        return None
    weight, bias = layer
    numbers = {token: number for token, number in vocabulary.items() if isinstance(number, int)}
    if sorted(numbers.values()) != list(range(len(weight))):
        raise BackboneError(
            f"The vocab.json of '{reference}' names {len(numbers)} characters, and its output "
            f"layer has {len(weight)}.",
            "Save the tokenizer that belongs to the model beside it.",
        )
    about = _json(folder / "tokenizer_config.json")
    delimiter = _written(about.get("word_delimiter_token", DELIMITER))
    spelt = [""] * len(weight)
    for token, number in numbers.items():
        blank = number == int(config.pad_token_id)
        spelt[number] = "" if blank else " " if token == delimiter else token
    return Characters(tuple(spelt), weight, bias)


def _written(token: Any) -> str:
    """Return a token that is written as itself or as a record of its content."""
    return str(token["content"]) if isinstance(token, dict) else str(token)


def _read_layer(folder: Path) -> tuple[torch.Tensor, torch.Tensor] | None:
    from safetensors import safe_open

    names, found = ("lm_head.weight", "lm_head.bias"), dict[str, torch.Tensor]()
    for file in weight_files(folder):
        with safe_open(file, "pt") as opened:
            found |= {n: opened.get_tensor(n).float() for n in set(names) & set(opened.keys())}
    return (found[names[0]], found[names[1]]) if len(found) == len(names) else None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
