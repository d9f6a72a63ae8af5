"""What a text checkpoint wants its input to be, and how it pools: read from its own files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headstart.backbones.transformers_text import is_decoder
from headstart.errors import BackboneError
from headstart.schema import TextSpec
from headstart.tokenized import TOKENIZER

FILES = (
    TOKENIZER, "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model",
    "spm.model", "sentencepiece.bpe.model", "special_tokens_map.json", "added_tokens.json",
    "modules.json", "sentence_bert_config.json", "1_Pooling/config.json",
)  # fmt: skip
"""What is wished for beside config.json and weights; a checkpoint has some of it."""

UNLIMITED = 1_000_000
"""Tokenizers that know no limit give a huge number for one."""

MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "first",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}
NAMED = {"mean": "mean", "cls": "first", "max": "max", "lasttoken": "last"}
"""How sentence-transformers writes a pooling: as flags, and lately by name."""


def read_text_spec(folder: Path, reference: str, config: Any) -> TextSpec:
    """Return a folder's tokenizer and limits as a specification."""
    tokenizer = _open_tokenizer(folder, reference)
    kinds = "token_type_ids" in tokenizer.model_input_names
    spec = TextSpec(
        length=_length(folder, tokenizer, config),
        kinds=kinds and int(getattr(config, "type_vocab_size", 0) or 0) > 1,
    )
    return spec.with_files({TOKENIZER: tokenizer.backend_tokenizer.to_str()})


def _open_tokenizer(folder: Path, reference: str) -> Any:
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in FILES[:8]):
        # Where there is nothing, transformers makes a tokenizer that knows no word.
        raise _no_tokenizer(reference, "none of its files is there")
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # each tokenizer class fails in a way of its own
        said = " ".join(str(error).split())[:160]
        raise _no_tokenizer(reference, said or type(error).__name__) from None
    if not tokenizer.is_fast:
        raise BackboneError(
            f"The tokenizer of '{reference}' ({type(tokenizer).__name__}) does not say where in a "
            "text its tokens stand.",
            "Choose a model with a fast tokenizer (a tokenizer.json).",
        )
    return tokenizer


def _no_tokenizer(reference: str, why: str) -> BackboneError:
    return BackboneError(
        f"The tokenizer of '{reference}' cannot be read ({why}).",
        "Save it beside the model: "
        "`AutoTokenizer.from_pretrained(ORIGINAL).save_pretrained(FOLDER)`.",
    )


def _length(folder: Path, tokenizer: Any, config: Any) -> int:
    """Return how many tokens are read at once: the least of what the files say."""
    limits = [int(tokenizer.model_max_length)]
    for name in ("max_position_embeddings", "n_positions"):
        positions = int(getattr(config, name, 0) or 0)
        # RoBERTa and its kin count positions from the padding's number on.
        offset = config.pad_token_id + 1 if config.model_type in COUNT_FROM_PADDING else 0
        limits += [positions - offset] if positions > 0 else []
    limits += [int(_read(folder / "sentence_bert_config.json").get("max_seq_length") or 0)]
    return min((each for each in limits if 0 < each < UNLIMITED), default=512)


COUNT_FROM_PADDING = frozenset(
    {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "xlm-roberta-xl", "xmod"}
)


def read_pooling(folder: Path, config: Any) -> tuple[dict[str, Any] | None, str]:
    """Return how a checkpoint pools its tokens, and a remark on what is left out of it.

    A sentence-transformers folder says it in its files; of a decoder it is the last token; any
    other checkpoint states none.
    """
    modules = _read_list(folder / "modules.json")
    if not modules:
        return ({"pooling": "last", "normalise": False} if is_decoder(config) else None), ""
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    path = next(
        (
            str(m.get("path", ""))
            for m, kind in zip(modules, kinds, strict=True)
            if kind == "Pooling"
        ),
        "1_Pooling",
    )
    stated = _read(folder / Path(path).name / "config.json")
    pooling = NAMED.get(str(stated.get("pooling_mode", "")))
    pooling = pooling or next((MODES[n] for n in MODES if stated.get(n)), "mean")
    others = [kind for kind in kinds if kind not in ("Transformer", "Pooling", "Normalize")]
    remark = f"What it does after pooling ({', '.join(others)}) is left out." if others else ""
    return {"pooling": pooling, "normalise": "Normalize" in kinds and not others}, remark


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _read_list(path: Path) -> list[dict[str, Any]]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
