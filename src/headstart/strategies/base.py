"""What a strategy is: a list of phases for the facts at hand. It never trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from headstart.schema import Phase


@dataclass(frozen=True)
class Facts:
    """What a strategy may base its phases on: plain numbers, nothing of the labels themselves."""

    samples: int
    labels: int
    depth: int


class Strategy(Protocol):
    """One way of going as deep as it says."""

    name: str
    about: str

    def phases(self, facts: Facts) -> list[Phase]:
        """Return what to do, in order."""
