"""Where headstart keeps things: everything under one folder that a person can move or delete."""

from __future__ import annotations

import os
from pathlib import Path

from headstart.errors import StorageError


def home() -> Path:
    """Return the folder for all that is kept: `HEADSTART_HOME`, else the user's cache folder."""
    named = os.environ.get("HEADSTART_HOME")
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(cache).expanduser() if cache else Path.home() / ".cache") / "headstart"
    except RuntimeError as error:  # a user without a home, as in some containers
        raise StorageError(
            "This user has no home folder to keep things in.",
            "Set HEADSTART_HOME to a folder that you may write to.",
        ) from error


def store() -> Path:
    """Return the folder of the activation store."""
    return home() / "store"


def runs() -> Path:
    """Return the folder of unfinished runs' journals."""
    return home() / "runs"
