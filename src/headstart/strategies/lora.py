"""Low-rank adapters (LoRA): the weights stay as they are, small ones beside them are trained."""

from __future__ import annotations

from dataclasses import replace

from headstart import defaults
from headstart.schema import Phase
from headstart.strategies.base import Facts, head_first, stages_from, tune


class Lora:
    """Solve the head, then train it with adapters in the upper stages.

    What comes of it is a small file beside weights that anybody can get (Hu et al. 2021,
    arXiv:2106.09685).
    """

    name = "lora"
    about = "new head, then small adapters beside the upper stages' linear layers"

    def phases(self, facts: Facts) -> list[Phase]:
        """Return the two phases."""
        boundary = facts.depth - (facts.unfreeze or defaults.adapted_stages(facts.depth))
        phase = tune(f"adapters in {stages_from(boundary, facts.depth)}", boundary, facts)
        return [
            head_first(boundary),
            replace(
                phase,
                adapters=defaults.ADAPTER_RANK,
                backbone_rate=defaults.ADAPTER_RATE,
                decay=1.0,
            ),
        ]
