"""Where headstart keeps things: everything under one folder that a person can move or delete."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the folder for all that is kept: `HEADSTART_HOME`, else the user's cache folder."""
    named = os.environ.get("HEADSTART_HOME")
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache).expanduser() if cache else Path.home() / ".cache") / "headstart"


def store() -> Path:
    """Return the folder of the activation store."""
    return home() / "store"
