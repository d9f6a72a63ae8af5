"""What was run is kept, a file a run, so that a race started again runs only what is missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.journal import Journal
from headstart.race.record import write_text


@dataclass(frozen=True)
class Kept:
    """The finished runs of one race in a folder, and the journals of those under way.

    `about` is what all of them stand on: a race on something else is refused there.
    """

    folder: Path
    about: Mapping[str, Any]
    read_before: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, about: Mapping[str, Any], restart: bool) -> Kept:
        """Take up what lies in a folder, or begin anew there."""
        if restart:
            shutil.rmtree(folder, ignore_errors=True)
        Journal.open(folder, about)
        return cls(folder, about)

    def read(self, name: str) -> dict[str, Any] | None:
        """Return what came of a run; None where it was not run, or its file is damaged."""
        if name not in self.read_before:
            try:
                found = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                return None
            if not isinstance(found, dict):
                return None
            self.read_before[name] = found
        return self.read_before[name]

    def write(self, name: str, found: Mapping[str, Any]) -> None:
        """Keep what came of a run."""
        write_text(self.folder / f"{name}.json", json.dumps(found))

    def once(self, name: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keep something unless it was kept before; return what is kept."""
        if (before := self.read(name)) is not None:
            return before
        self.write(name, found)
        return found

    def journal(self, name: str) -> Journal:
        """Return the journal of a run under way, apart from those of others."""
        return Journal.open(self.folder / name, self.about)

    def forget(self) -> None:
        """Throw everything away: the race is over and nobody named a place for it."""
        shutil.rmtree(self.folder, ignore_errors=True)
