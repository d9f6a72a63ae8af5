"""What to say where memory runs out: what to lower, in the words of the command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headstart.errors import Failure

SAID = ("not enough memory", "can't allocate memory", "out of memory")
"""How torch says so; it has no error of its own for a processor's memory."""


@contextmanager
def enough_memory(backbone: str) -> Iterator[None]:
    """Turn whatever is raised where memory runs out into an error that says what to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(each in str(error) for each in SAID):
            raise
        raise Failure(
            f"There is too little memory for {backbone} like this.",
            "Train fewer stages (--strategy partial --unfreeze 1, or probe, which trains none), "
            "take a smaller --backbone, or close other programs.",
        ) from error
