"""Full fine-tuning: everything moves, the more gently the lower it lies."""

from __future__ import annotations

from headstart.schema import Phase
from headstart.strategies.base import Facts, head_first, stages_from, tune


class Full:
    """Solve the head, then train every stage at once with rates that decay from stage to stage."""

    name = "full"
    about = "new head, then every stage, lower ones at lower rates"

    def phases(self, facts: Facts) -> list[Phase]:
        """Return the two phases."""
        return [head_first(max(0, facts.depth - 2)), tune(stages_from(0, facts.depth), 0, facts)]
