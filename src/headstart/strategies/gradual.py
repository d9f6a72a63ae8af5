"""Progressive unfreezing: from the top down, one more step each time validation has plateaued."""

from __future__ import annotations

from headstart import defaults
from headstart.schema import Phase
from headstart.strategies.base import Facts, head_first, stages_from, tune


class Gradual:
    """Solve the head, then open the stages from the top, each time nothing more is gained.

    After Howard and Ruder 2018 (arXiv:1801.06146), with a plateau in place of a fixed epoch.
    """

    name = "gradual"
    about = "new head, then stage after stage from the top, each when validation plateaus"

    def phases(self, facts: Facts) -> list[Phase]:
        """Return the head's phase and one for each step down."""
        lowest = facts.depth - facts.unfreeze if facts.unfreeze else 0
        boundaries = defaults.steps_down(facts.depth, lowest)
        patience = defaults.tuning_patience(facts.samples)
        return [
            head_first(boundaries[0]),
            *(tune(stages_from(at, facts.depth), at, facts, patience) for at in boundaries),
        ]
