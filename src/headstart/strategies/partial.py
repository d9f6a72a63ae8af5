"""Fine-tune the top: what is general stays frozen, what is specific is trained."""

from __future__ import annotations

from headstart import defaults
from headstart.schema import Phase
from headstart.strategies.base import Facts, head_first, stages_from, tune


class Partial:
    """Solve the head, then train it with the top stages, from activations cached below them."""

    name = "partial"
    about = "new head, then the top stages with it"

    def phases(self, facts: Facts) -> list[Phase]:
        """Return the two phases."""
        count = facts.unfreeze or defaults.top_stages(facts.samples, facts.depth)
        boundary = facts.depth - count
        return [
            head_first(boundary),
            tune(stages_from(boundary, facts.depth), boundary, facts),
        ]
