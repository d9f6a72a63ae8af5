"""Feature extraction: the backbone stays as it is, a new head is solved on its features."""

from __future__ import annotations

from headstart.schema import Phase
from headstart.strategies.base import Facts


class Probe:
    """Freeze everything and solve the head; seconds, and nothing can be forgotten."""

    name = "probe"
    about = "frozen backbone, new head"

    def phases(self, facts: Facts) -> list[Phase]:
        """Return the one phase: the head, solved on cached readings."""
        return [Phase("head", boundary=facts.depth)]
