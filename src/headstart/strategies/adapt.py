"""For data unlike what pretraining saw: let BatchNorm get used to it, and train no weight."""

from __future__ import annotations

from headstart.schema import Phase
from headstart.strategies.base import Facts


class Adapt:
    """Estimate BatchNorm's running statistics anew on the user's inputs, then solve the head.

    Weights stay as they are. Labels have no part in it, so it cannot overfit to them.
    """

    name = "adapt"
    about = "BatchNorm statistics of your data, new head"

    def phases(self, facts: Facts) -> list[Phase]:
        """Return the two phases."""
        return [
            Phase("statistics", boundary=0, objective="estimate", batch_size=64),
            Phase("head", boundary=facts.depth),
        ]
