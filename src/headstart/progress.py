"""How long work tells the person waiting for it, without knowing who draws it.

The learning code calls a `Progress`; the command line gives it one that draws a bar on stderr,
Python callers get `Silent` unless they pass their own.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What long work reports to."""

    def say(self, text: str) -> None:
        """Show one line, such as what is about to happen."""

    def start(self, what: str, total: int) -> None:
        """Begin a stretch of `total` steps."""

    def advance(self, steps: int = 1) -> None:
        """Count steps of the current stretch as done."""

    def finish(self) -> None:
        """End the current stretch."""


class Silent:
    """Progress for nobody."""

    def say(self, text: str) -> None:
        """Drop the line."""

    def start(self, what: str, total: int) -> None:
        """Drop the beginning."""

    def advance(self, steps: int = 1) -> None:
        """Drop the steps."""

    def finish(self) -> None:
        """Drop the end."""
