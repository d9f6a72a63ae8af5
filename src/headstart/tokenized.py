"""A tokenizer as part of a specification: its hash is a value, its file stands beside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Tokenized:
    """A specification with a tokenizer: its hash is a value, its file, being large, is beside."""

    tokenizer: str = ""
    content: str = field(default="", repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the values, which hold the tokenizer's hash."""
        return {name: value for name, value in asdict(self).items() if name != "content"}

    def files(self) -> dict[str, str]:
        """Return the tokenizer's file."""
        return {TOKENIZER: self.content}

    def with_files(self, files: Mapping[str, str]) -> Self:
        """Return the spec with its tokenizer; another than the one that was hashed is refused."""
        content = files[TOKENIZER]
        found = hashlib.sha256(content.encode()).hexdigest()
        if self.tokenizer not in ("", found):
            raise ValueError(f"{TOKENIZER} is another than the one with sha256 {self.tokenizer}")
        return replace(self, tokenizer=found, content=content)
