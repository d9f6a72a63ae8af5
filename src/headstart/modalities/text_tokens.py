"""From words to token ids: by the checkpoint's own tokenizer, in windows where a text is long."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from headstart.errors import BackboneError
from headstart.modalities.base import Arrays
from headstart.modalities.text_read import Parts
from headstart.schema import TextSpec


@lru_cache(maxsize=16)
def open_tokenizer(content: str, length: int, strategy: str) -> Any:
    """Return the tokenizer of a tokenizer.json, cutting into windows of `length` tokens.

    It is made once a strategy, since what it cuts by is a state of the object.
    """
    try:
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # tokenizers raises a bare Exception for whatever it cannot read
        raise BackboneError(
            f"The backbone's tokenizer cannot be read ({' '.join(str(error).split())[:200]}).",
            "Get the checkpoint again, with its tokenizer.json.",
        ) from None
    tokenizer.no_padding()
    if length <= tokenizer.num_special_tokens_to_add(strategy == "only_second"):
        raise BackboneError(
            f"The backbone reads {length} tokens at once, which its special ones take up.",
            "Choose another backbone.",
        )
    tokenizer.enable_truncation(length, stride=0, strategy=strategy)
    return tokenizer


def windows(raw: Parts, spec: TextSpec) -> list[Arrays]:
    """Return a text's windows, each with its special tokens; most texts have one."""
    return [_arrays(each, spec) for each in encode(raw, spec)]


def encode(raw: Parts, spec: TextSpec) -> list[Encoding]:
    """Return the windows of a text as the tokenizer gives them.

    Of a pair, the longer one goes on from window to window and the other is repeated beside it;
    where both fill more than half, the first is cut to a half.
    """
    if len(raw) == 1:
        whole = open_tokenizer(spec.content, spec.length, "longest_first").encode(raw[0])
        return [whole, *whole.overflowing]
    first, second = raw
    plain = open_tokenizer(spec.content, spec.length, "longest_first")
    counts = [len(bare(plain, text)) for text in (first, second)]
    room = (spec.length - plain.num_special_tokens_to_add(True)) // 2
    if min(counts) > room:
        first, counts[0] = first[: bare(plain, first).offsets[room - 1][1]], room
    strategy = "only_first" if counts[0] > counts[1] else "only_second"
    whole = open_tokenizer(spec.content, spec.length, strategy).encode(first, second)
    return [whole, *whole.overflowing]


def bare(tokenizer: Any, text: str) -> Any:
    """Return a text's own tokens, however many, without special ones."""
    whole = tokenizer.encode(text, add_special_tokens=False)
    return whole if not whole.overflowing else Encoding.merge([whole, *whole.overflowing], False)


def _arrays(window: Any, spec: TextSpec) -> Arrays:
    ids = np.array(window.ids, np.int32)
    arrays = {"x": ids, "mask": np.ones(len(ids), bool)}
    if spec.kinds:
        arrays["kinds"] = np.array(window.type_ids, np.int32)
    return arrays
