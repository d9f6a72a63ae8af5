"""Every error headstart raises on purpose: what was found, what was expected, what to do.

Two families decide the exit code: a `UserError` is something the person can mend (exit code 2), a
`Failure` is something that broke underneath (exit code 1). `message` is one line of cause and
`hint` one line of cure; neither ever needs a traceback beside it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HeadstartError(Exception):
    """The base of all errors raised on purpose; catch this to catch them all."""

    exit_code = 1
    kind = "failure"

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}"


class UserError(HeadstartError):
    """Something in what was asked or given; the hint says how to mend it."""

    exit_code = 2
    kind = "usage"


class Failure(HeadstartError):
    """Something underneath broke (disk, network, numbers); the hint says what can be tried."""


class DataError(UserError):
    """The data cannot be used as it is."""

    kind = "data"


class UnreadableInput(DataError):
    """One input (a file, say) cannot be decoded. Collections set such aside and list them."""

    kind = "unreadable"


class UnknownName(UserError):
    """A name that nothing is registered under."""

    kind = "unknown_name"


class BackboneError(UserError):
    """A backbone that cannot be had, or not as it is needed."""

    kind = "backbone"


class HubError(Failure):
    """The hub did not give what was asked for: no network, gated, broken download."""

    kind = "hub"


class ModelFolderError(UserError):
    """A model folder that is not one, is damaged, or was written by another format version."""

    kind = "model_folder"


class StorageError(Failure):
    """A disk that is full or may not be written to."""

    kind = "storage"


def closest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest known name, or nothing when none is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""
