"""From a transcript to the tokens that a backbone writes, and back: by the checkpoint's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer

from headstart.errors import BackboneError, DataError
from headstart.schema import SpeechSpec

MOMENT = re.compile(r"<\|\d+\.\d+\|>")


@lru_cache(maxsize=4)
def _tokenizer(content: str) -> Any:
    try:
        return Tokenizer.from_str(content)
    except Exception as error:  # tokenizers raises a bare Exception for whatever it cannot read
        raise BackboneError(
            f"The backbone's tokenizer cannot be read ({' '.join(str(error).split())[:200]}).",
            "Get the checkpoint again, with its tokenizer.json.",
        ) from None


def to_tokens(text: str, spec: SpeechSpec) -> list[int]:
    """Return the tokens of a transcript, with those that it opens and ends with.

    A blank stands before the first word, as in what such checkpoints were trained on.
    """
    found = _tokenizer(spec.content).encode(" " + text.strip(), add_special_tokens=False).ids
    tokens = [*spec.opening, *spec.closing, *found, spec.end]
    if len(tokens) > spec.length:
        raise DataError(
            f"A transcript is {len(tokens)} tokens long, and the backbone writes at most "
            f"{spec.length}: '{text[:60]}…'",
            "Cut the recording into parts with a row each (columns start and end, in seconds).",
        )
    return tokens


def begins_word(token: int, spec: SpeechSpec) -> bool:
    """Tell whether a token begins a new word: a blank stands before it."""
    written: str = _tokenizer(spec.content).decode([token], skip_special_tokens=True)
    return written.startswith(" ")


def to_text(tokens: Sequence[int], spec: SpeechSpec) -> str:
    """Return what tokens say, without special ones and moments in time."""
    written: str = _tokenizer(spec.content).decode(list(tokens), skip_special_tokens=True)
    return " ".join(MOMENT.sub(" ", written).split())
