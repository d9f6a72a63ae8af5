"""What goes to stdout and stderr: safe on any terminal, in any encoding, through any pipe.

File and class names come from strangers. Before they reach a terminal, control characters (which
could move the cursor or forge a line) and marks that reorder text are written as escapes.
"""

from __future__ import annotations

import json
import math
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 10_000


def prepare_streams() -> None:
    """Let stdout and stderr write anything: what the locale cannot say becomes an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def plain(text: object) -> str:
    """Return text that cannot steer a terminal: control characters become visible escapes."""
    from headstart.report.words import REORDERING

    return "".join(
        f"\\x{ord(letter):02x}"
        if unicodedata.category(letter) == "Cc"
        else f"\\u{ord(letter):04x}"
        if letter in REORDERING
        else letter
        for letter in str(text)
    )


def one_line(text: object) -> str:
    """Return text as one safe line, whatever line breaks and controls it holds."""
    return plain(" ".join(str(text).split()))


def paper() -> Console:
    """Return the console for results: stdout, with colour only where a terminal wants it."""
    return _console(stderr=False)


def margin() -> Console:
    """Return the console for progress and notes: stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    class Safe(Console):
        """A console that leaves a closed pipe to `run`, which knows what it means."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    console = Safe(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        # A pipe has no width of its own, and what is wrapped cannot be searched.
        console.width = PIPE_WIDTH
    return console


def say(console: Console, text: object, *, indent: int = 0) -> None:
    """Write a safe sentence, wrapped between words where the terminal's line ends."""
    from rich.padding import Padding
    from rich.text import Text

    if console.is_terminal:
        console.print(Padding(Text(one_line(text)), (0, 0, 0, indent), expand=False))
    else:
        console.print(" " * indent + one_line(text), soft_wrap=True)


def write_json(document: Any, *, indent: int | None = 2) -> None:
    """Write one JSON document to stdout; numbers that JSON lacks (nan, infinity) become null."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    text = json.dumps(
        _ready(document), indent=indent, ensure_ascii=encoding != "utf8", allow_nan=False
    )
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _ready(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return _ready(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _ready(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_ready(entry) for entry in value]
    return str(value)
